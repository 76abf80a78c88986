//! What each entry makes of a record, and what it is refused for.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{sample::*, *};
use crate::resource::*;

fn refused(recorded: &Recorded, entry: &Entry) -> String {
    let mut tried = recorded.clone();
    let error = tried.apply(entry).expect_err("it was to be refused");
    assert_eq!(tried, *recorded, "a refused entry changes nothing");
    error.to_string()
}

fn orders(entries: &[Entry]) -> StatementRecord {
    *after(entries).statements.remove("orders").unwrap()
}

fn with(mut entries: Vec<Entry>, more: impl IntoIterator<Item = Entry>) -> Vec<Entry> {
    entries.extend(more);
    entries
}

fn stood(name: &str, at: u32) -> Entry {
    fact(Fact::Stood { key: "orders".to_owned(), name: name.to_owned(), offsets: offsets(at) })
}

fn gone(name: &str) -> Entry {
    fact(Fact::Gone { key: "orders".to_owned(), name: name.to_owned() })
}

fn promoted() -> Entry {
    fact(Fact::Promoted { key: "orders".to_owned() })
}

fn buried() -> Entry {
    fact(Fact::Buried { address: Address::statement("orders") })
}

fn forgotten() -> Entry {
    fact(Fact::Forgotten { address: Address::statement("orders") })
}

fn moved(from: Address, to: Address) -> Entry {
    fact(Fact::Moved { from, to })
}

fn stop() -> Amendment {
    Amendment { stopped: true, ..Amendment::default() }
}

fn resume() -> Amendment {
    Amendment { pool: Some("lfcp-2".to_owned()), principal: Some("sa-2".to_owned()), ..Amendment::default() }
}

#[test]
fn a_submission_uses_its_number_up_before_it_is_sent_and_keeps_its_secrets_hashes() {
    let hashes = BTreeMap::from([("openai".to_owned(), KeyedHash::of(&HashKey("key".to_owned()), "sesame"))]);
    let mut entries = vec![declared("orders", "orders"), submit("1", "orders", "orders", 1, Role::Current)];
    if let Entry::Intend { secrets, .. } = &mut entries[1] {
        secrets.clone_from(&hashes);
    }
    let recorded = after(&entries);
    assert_eq!(recorded.statements["orders"].last_generation, Generation(1));
    assert_eq!(recorded.statements["orders"].current, None);
    assert_eq!(recorded.open[&IntentId("1".to_owned())].secrets, hashes);

    let outcome = Outcome::Applied { id: Some("u-1".to_owned()), created_at: Some("2026-01-01T00:00:00Z".to_owned()) };
    let recorded = after(&with(entries, [Entry::Settle { intent: IntentId("1".to_owned()), outcome }]));
    assert!(recorded.open.is_empty());
    let current = recorded.statements["orders"].current.as_ref().unwrap();
    assert_eq!((current.uid.as_str(), current.reached, current.stopped), ("u-1", Reached::Submitted, false));
    assert_eq!((&current.secrets, current.created_at.as_deref()), (&hashes, Some("2026-01-01T00:00:00Z")));
    assert_eq!(recorded.statements["orders"].needs, [Address::pool("main")]);
}

#[test]
fn a_number_is_used_once_it_took_effect_and_free_while_nothing_came_of_it() {
    let g2 = |id| submit(id, "orders", "orders", 2, Role::Successor);
    let intended = after(&with(running("orders", "orders"), [g2("2")]));
    assert_eq!(intended.statements["orders"].last_generation, Generation(2));
    // Nothing came of it: the next try takes the same name.
    let recorded = after(&with(running("orders", "orders"), [g2("2"), rejected("2")]));
    assert_eq!(recorded.statements["orders"].last_generation, Generation(1));
    assert!(recorded.clone().apply(&g2("3")).is_ok());
    // The number of one that was there stays used when it is gone.
    let without = after(&with(running("orders", "orders"), [gone("orders")]));
    let late = submit("3", "orders", "orders", 1, Role::Current);
    assert!(refused(&without, &late).contains("number g1 is used"));
    // Nor may a name that a recorded generation bears be submitted.
    let taken = submit("3", "orders", "orders", 1, Role::Successor);
    assert!(refused(&recorded, &taken).contains("orders is recorded with uid uid-orders"));
}

#[test]
fn what_is_being_created_is_not_created_again() {
    let g2 = |id| submit(id, "orders", "orders", 2, Role::Successor);
    let create =
        |id| intend(id, Address::pool("main"), Operation::CreatePool { pool: pool("main"), before: BTreeSet::new() });
    let recorded = after(&with(running("orders", "orders"), [g2("2"), create("3")]));
    assert!(refused(&recorded, &g2("4")).contains("intent 2 to create the same is open"));
    assert!(refused(&recorded, &create("4")).contains("intent 3 to create the same is open"));
}

#[test]
fn undo_statements_are_counted_apart() {
    let undo = |id, count| submit(id, "orders", "orders", count, Role::Undo);
    let entries = with(running("orders", "orders"), [undo("2", 1), applied("2", "u"), undo("3", 2)]);
    let record = orders(&entries);
    assert_eq!((record.undos, record.last_generation), (2, Generation(1)));
    assert_eq!(record.undo.as_ref().unwrap().sent.name, "orders-undo-1");
    let record = orders(&with(entries, [applied("3", "u2")]));
    assert_eq!(record.undo.as_ref().unwrap().sent.name, "orders-undo-2");
    assert_eq!(record.retired[0].sent.name, "orders-undo-1", "nothing is lost sight of");
}

#[test]
fn resuming_voids_offsets_before_it_is_sent_and_changes_the_rest_after() {
    let stopped = with(running("orders", "orders"), [amend("2", "orders", "orders", stop()), applied("2", "")]);
    assert!(orders(&stopped).current.unwrap().stopped);
    let standing = with(stopped, [stood("orders", 7)]);
    let current = orders(&standing).current.unwrap();
    assert_eq!((current.offsets, current.reached, current.stopped), (Some(offsets(7)), Reached::Running, true));

    let resuming = with(standing, [amend("3", "orders", "orders", resume())]);
    let current = orders(&resuming).current.unwrap();
    assert_eq!((current.offsets, current.stopped, current.sent.pool.as_deref()), (None, true, Some("lfcp-1")));
    let current = orders(&with(resuming.clone(), [applied("3", "")])).current.unwrap();
    assert_eq!((current.stopped, current.sent.pool.as_deref()), (false, Some("lfcp-2")));
    assert_eq!(current.sent.principal.as_deref(), Some("sa-2"));
    let current = orders(&with(resuming.clone(), [rejected("3")])).current.unwrap();
    assert_eq!((current.stopped, current.sent.pool.as_deref()), (true, Some("lfcp-1")));
    assert_eq!(current.offsets, Some(offsets(7)), "it stands where it stood");
    let newer = orders(&with(resuming, [stood("orders", 8), rejected("3")])).current.unwrap();
    assert_eq!(newer.offsets, Some(offsets(8)));
}

#[test]
fn an_outcome_is_recorded_though_its_generation_is_gone() {
    let stopping = with(running("orders", "orders"), [amend("2", "orders", "orders", stop()), gone("orders")]);
    let recorded = after(&with(stopping, [applied("2", "")]));
    assert!(recorded.open.is_empty() && recorded.statements["orders"].current.is_none());
}

#[test]
fn a_stop_leaves_pool_and_principal_alone() {
    let entries = with(running("orders", "orders"), [amend("2", "orders", "orders", stop()), applied("2", "")]);
    assert_eq!(orders(&entries).current.unwrap().sent.pool.as_deref(), Some("lfcp-1"));
}

#[test]
fn a_replacement_passes_through_its_slots() {
    let g2 = submit("2", "orders", "orders", 2, Role::Successor);
    let open = with(running("orders", "orders"), [g2, applied("2", "u2")]);
    let record = orders(&open);
    assert_eq!(record.successor.as_ref().unwrap().sent.name, "orders-g2");
    assert_eq!(record.generations().count(), 2);

    let done = with(open, [stood("orders", 3), promoted()]);
    let record = orders(&done);
    assert_eq!(record.current.as_ref().unwrap().uid, "u2");
    assert_eq!((record.successor, record.retired.len()), (None, 1));
    assert_eq!(record.retired[0].offsets, Some(offsets(3)));

    // Again: the newest of those retired stands first, and each goes by its name.
    let g3 = submit("3", "orders", "orders", 3, Role::Successor);
    let again = with(done, [g3, applied("3", "u3"), promoted()]);
    let names = |record: &StatementRecord| -> Vec<_> { record.retired.iter().map(|g| g.sent.name.clone()).collect() };
    assert_eq!(names(&orders(&again)), ["orders-g2", "orders"]);
    assert_eq!(names(&orders(&with(again, [gone("orders")]))), ["orders-g2"]);
}

#[test]
fn a_taken_slot_gives_its_generation_to_the_retired() {
    let anew = submit("2", "orders", "orders", 2, Role::Current);
    let record = orders(&with(running("orders", "orders"), [anew, applied("2", "u2")]));
    assert_eq!(record.current.unwrap().uid, "u2");
    assert_eq!(record.retired[0].uid, "uid-orders");
}

#[test]
fn how_far_it_got_never_goes_back() {
    let reached = |reached, kind: Option<&str>| {
        let (key, name) = ("orders".to_owned(), "orders".to_owned());
        fact(Fact::Reached { key, name, reached, kind: kind.map(str::to_owned), bounded: false })
    };
    let steps = [reached(Reached::Completed, Some("CREATE_TABLE")), reached(Reached::Running, None)];
    let current = orders(&with(running("orders", "orders"), steps)).current.unwrap();
    assert_eq!((current.reached, current.kind.as_deref()), (Reached::Completed, Some("CREATE_TABLE")));
}

#[test]
fn offsets_outlive_the_statement_and_its_record() {
    let deletion = [
        amend("2", "orders", "orders", stop()),
        applied("2", ""),
        stood("orders", 9),
        remove("3", "orders", "orders"),
        applied("3", ""),
        gone("orders"),
    ];
    let entries = with(running("orders", "orders"), deletion);
    assert_eq!(orders(&entries).left_at, Some(offsets(9)));
    let dead = with(entries, [buried()]);
    let recorded = after(&dead);
    assert!(recorded.statements.is_empty());
    let tombstone = &recorded.tombstones["orders"];
    assert_eq!((tombstone.name.as_str(), tombstone.last_generation), ("orders", Generation(1)));
    assert_eq!(tombstone.offsets, Some(offsets(9)));

    // Declared again, its numbers go on, and where it stood is still known until another generation has run.
    let again = with(dead, [declared("orders", "orders")]);
    assert!(after(&again).tombstones.is_empty());
    let record = orders(&again);
    assert_eq!((record.last_generation, record.left_at), (Generation(1), Some(offsets(9))));
    let anew = [submit("4", "orders", "orders", 2, Role::Current), applied("4", "u2")];
    let again = with(again, anew);
    assert_eq!(orders(&again).left_at, Some(offsets(9)));
    for failed in [vec![gone("orders-g2")], vec![]] {
        let recorded = after(&with(again.clone(), with(failed, [buried()])));
        assert_eq!(recorded.tombstones["orders"].offsets, Some(offsets(9)), "one that never ran takes nothing away");
    }
    let (key, name) = ("orders".to_owned(), "orders-g2".to_owned());
    let ran = fact(Fact::Reached { key, name, reached: Reached::Running, kind: None, bounded: false });
    let ran = with(again, [ran]);
    assert_eq!(orders(&ran).left_at, None);
    assert_eq!(orders(&with(ran, [gone("orders-g2")])).left_at, None);
}

#[test]
fn a_burial_without_a_confirmed_end_takes_the_offsets_of_the_generation_in_force() {
    let recorded = after(&with(running("orders", "orders"), [stood("orders", 4), buried()]));
    assert_eq!(recorded.tombstones["orders"].offsets, Some(offsets(4)));
}

#[test]
fn offsets_of_a_retired_generation_are_not_those_of_the_last_run() {
    let g2 = submit("2", "orders", "orders", 2, Role::Successor);
    let steps = [g2, applied("2", "u2"), stood("orders", 3), promoted(), gone("orders"), gone("orders-g2")];
    assert_eq!(orders(&with(running("orders", "orders"), steps)).left_at, None);
}

#[test]
fn what_is_forgotten_keeps_its_numbers() {
    let g2 = submit("2", "orders", "orders", 2, Role::Successor);
    let recorded = after(&with(running("orders", "orders"), [g2, stood("orders", 3), forgotten()]));
    assert!(recorded.statements.is_empty() && recorded.open.is_empty());
    let tombstone = &recorded.tombstones["orders"];
    assert_eq!((tombstone.last_generation, &tombstone.offsets), (Generation(2), &None));
    assert!(refused(&recorded, &forgotten()).contains("statements.orders is not recorded"));
}

#[test]
fn a_name_keeps_its_numbers_whichever_key_has_it() {
    let buried_orders = with(running("orders", "orders"), [buried()]);
    // Another key takes the name over.
    let recorded = after(&with(buried_orders.clone(), [declared("sales", "orders")]));
    assert_eq!(recorded.statements["sales"].last_generation, Generation(1));
    assert!(recorded.tombstones.is_empty());
    // The same key takes another name: a name never used begins at the first number, and the old one stays known.
    let renamed = with(buried_orders, [declared("orders", "fresh")]);
    assert_eq!(orders(&renamed).last_generation, Generation(0));
    let both = after(&with(renamed, [buried()]));
    let names: Vec<_> = both.tombstones.iter().map(|(key, t)| (key.as_str(), t.name.as_str())).collect();
    assert_eq!(names, [("orders", "fresh"), ("orders/orders", "orders")]);
    let mut again = both;
    again.apply(&declared("x", "orders")).unwrap();
    assert_eq!(again.statements["x"].last_generation, Generation(1));
}

#[test]
fn a_name_that_is_given_up_keeps_its_numbers() {
    let entries = with(running("orders", "orders"), [declared("orders", "orders-v2")]);
    let recorded = after(&entries);
    assert_eq!(recorded.statements["orders"].last_generation, Generation(1), "numbers go on under the new name");
    assert_eq!(recorded.statements["orders"].declared.name, "orders-v2");
    assert_eq!(recorded.tombstones["orders"].name, "orders");
    let recorded = after(&with(entries, [declared("sales", "orders")]));
    assert_eq!(recorded.statements["sales"].last_generation, Generation(1));
}

#[test]
fn adoption_needs_a_declared_record_without_a_generation_in_force() {
    let adopted = |number| {
        let generation = Box::new(generation("orders", number));
        fact(Fact::Adopted { key: "orders".to_owned(), generation })
    };
    assert!(refused(&empty(), &adopted(3)).contains("statements.orders is not recorded"));
    let entries = [declared("orders", "orders"), adopted(3)];
    let record = orders(&entries);
    assert_eq!((record.last_generation, record.current.unwrap().sent.name.as_str()), (Generation(3), "orders-g3"));
    assert!(refused(&after(&entries), &adopted(4)).contains("orders-g3 is in force"));
    let submitting = after(&[declared("orders", "orders"), submit("1", "orders", "orders", 3, Role::Current)]);
    assert!(refused(&submitting, &adopted(3)).contains("intent 1 to submit it is open"));
}

#[test]
fn pools_are_known_by_their_ids() {
    let create = |id, name| {
        let operation = Operation::CreatePool { pool: pool(name), before: BTreeSet::from(["lfcp-0".to_owned()]) };
        intend(id, Address::pool("main"), operation)
    };
    let raise = PoolAmendment { display_name: Some("big".to_owned()), max_cfu: Some(20) };
    let amend =
        |id: &str| intend("2", Address::pool("main"), Operation::AmendPool { id: id.to_owned(), to: raise.clone() });
    let mut recorded = after(&[create("1", "main"), applied("1", "lfcp-1")]);
    assert_eq!(recorded.pools["main"], PoolRecord { id: "lfcp-1".to_owned(), declared: pool("main") });
    assert!(refused(&recorded, &amend("lfcp-9")).contains("pools.main is lfcp-1, not lfcp-9"));
    for entry in [amend("lfcp-1"), applied("2", "")] {
        recorded.apply(&entry).unwrap();
    }
    assert_eq!(recorded.pools["main"].declared, Pool { display_name: "big".to_owned(), max_cfu: 20, ..pool("main") });

    let guarded = Pool { prevent_destroy: true, ..pool("big") };
    recorded.apply(&fact(Fact::PoolDeclared { key: "main".to_owned(), declared: guarded.clone() })).unwrap();
    assert_eq!(recorded.pools["main"].declared, guarded);
    let adopted = |key: &str, id: &str| {
        fact(Fact::PoolAdopted { key: key.to_owned(), id: id.to_owned(), declared: pool("other") })
    };
    assert!(refused(&recorded, &adopted("main", "lfcp-2")).contains("pools.main is lfcp-1 already"));
    recorded.apply(&adopted("other", "lfcp-2")).unwrap();

    let gone = intend("3", Address::pool("main"), Operation::RemovePool { id: "lfcp-1".to_owned() });
    let buried = fact(Fact::Buried { address: Address::pool("main") });
    recorded.apply(&gone).unwrap();
    assert!(refused(&recorded, &buried).contains("its intent 3 is open"));
    for entry in [applied("3", ""), buried] {
        recorded.apply(&entry).unwrap();
    }
    assert_eq!(recorded.pools.keys().collect::<Vec<_>>(), ["other"]);
}

#[test]
fn a_move_takes_along_whatever_names_the_address() {
    let mut sales = statement("sales");
    sales.depends_on = BTreeSet::from([Address::statement("orders")]);
    let needs = BTreeSet::from([Address::statement("orders"), Address::pool("main")]);
    let sales = fact(Fact::Declared { key: "sales".to_owned(), declared: Box::new(sales), needs });
    let adopted = Fact::PoolAdopted { key: "main".to_owned(), id: "lfcp-1".to_owned(), declared: pool("main") };
    let open = amend("9", "orders", "orders", stop());
    let before = with(running("orders", "orders"), [sales, fact(adopted), open]);

    let (here, there) = (Address::statement("orders"), Address::statement("purchases"));
    let mut recorded = after(&with(before, [moved(here.clone(), there.clone())]));
    assert_eq!(recorded.statements.keys().collect::<Vec<_>>(), ["purchases", "sales"]);
    assert_eq!(recorded.open[&IntentId("9".to_owned())].intent.address, there);
    let sales = &recorded.statements["sales"];
    assert_eq!(sales.needs, [Address::pool("main"), there.clone()]);
    assert_eq!(sales.declared.depends_on, BTreeSet::from([there.clone()]));
    recorded.apply(&applied("9", "")).unwrap();
    assert!(recorded.statements["purchases"].current.as_ref().unwrap().stopped);

    recorded.apply(&moved(Address::pool("main"), Address::pool("heavy"))).unwrap();
    assert_eq!(recorded.statements["sales"].declared.pool.as_deref(), Some("heavy"));
    assert!(recorded.statements["sales"].needs.contains(&Address::pool("heavy")));
    assert_eq!(recorded.pools["heavy"].id, "lfcp-1");

    for (from, to, why) in [
        (here.clone(), Address::statement("x"), "statements.orders is not recorded"),
        (there.clone(), Address::statement("sales"), "statements.sales is recorded already"),
        (there.clone(), there.clone(), "is recorded already"),
        (there, Address::pool("x"), "different kinds"),
    ] {
        assert!(refused(&recorded, &moved(from, to)).contains(why), "{why}");
    }
}

#[test]
fn a_tombstone_moves_with_its_address() {
    let entries = with(running("orders", "orders"), [buried()]);
    let there = Address::statement("purchases");
    let recorded = after(&with(entries, [moved(Address::statement("orders"), there)]));
    assert_eq!(recorded.tombstones.keys().collect::<Vec<_>>(), ["purchases"]);
}

#[test]
fn what_contradicts_the_record_is_refused_and_named() {
    let recorded = after(&with(running("orders", "orders"), [amend("2", "orders", "orders", stop())]));
    let uid = |uid: &str| Operation::Remove { name: "orders".to_owned(), uid: uid.to_owned() };
    let at = Address::statement;
    for (entry, why) in [
        (applied("9", ""), "`applied` for intent 9 contradicts the record: no intent of that id is open"),
        (rejected("9"), "`rejected` for intent 9 contradicts the record: no intent of that id is open"),
        (amend("2", "orders", "orders", stop()), "an intent of that id is open"),
        (submit("3", "sales", "sales", 1, Role::Current), "statements.sales is not recorded"),
        (intend("3", at("orders"), uid("other")), "the recorded orders has uid uid-orders, not other"),
        (remove("3", "orders", "orders-g7"), "no generation named orders-g7 is recorded"),
        (intend("3", Address::pool("main"), uid("u")), "that is no operation on pools"),
        (intend("3", at("orders"), Operation::RemovePool { id: "x".to_owned() }), "no operation on statements"),
        (promoted(), "it has no successor"),
        (gone("orders-g2"), "`gone` of orders-g2 for statements.orders contradicts the record"),
        (stood("orders-g2", 1), "no generation named orders-g2"),
        (buried(), "its intent 2 is open"),
    ] {
        let message = refused(&recorded, &entry);
        assert!(message.contains(why), "{message}");
    }
    let mut submitted = recorded;
    submitted.apply(&submit("3", "orders", "orders", 2, Role::Successor)).unwrap();
    assert!(refused(&submitted, &applied("3", "")).contains("a submitted statement has a uid"));
}

/// Any entry over few keys, names and ids, so that many of them fit together.
fn any_entry() -> impl Strategy<Value = Entry> {
    let key = || prop::sample::select(vec!["a", "b"]);
    let number = 1..4_u32;
    let id = || (0..3_u32).prop_map(|id| id.to_string());
    let role = prop::sample::select(vec![Role::Current, Role::Successor, Role::Undo]);
    let address = || {
        let kind = prop::sample::select(vec![Kind::Pool, Kind::Statement]);
        (kind, key()).prop_map(|(kind, key)| Address { kind, key: key.to_owned() })
    };
    let text = |key: &str| key.to_owned();
    prop_oneof![
        3 => (key(), key()).prop_map(|(key, name)| declared(key, name)),
        3 => (id(), key(), key(), number.clone(), role).prop_map(|(id, key, base, number, role)| {
            submit(&id, key, base, number, role)
        }),
        2 => (id(), key(), key(), number.clone(), any::<bool>()).prop_map(|(id, key, base, number, stopped)| {
            let name = Generation(number).name(base);
            amend(&id, key, &name, Amendment { stopped, ..Amendment::default() })
        }),
        2 => (id(), key(), key(), number.clone()).prop_map(|(id, key, base, number)| {
            remove(&id, key, &Generation(number).name(base))
        }),
        2 => (id(), address()).prop_map(|(id, address)| {
            intend(&id, address, Operation::CreatePool { pool: pool("p"), before: BTreeSet::new() })
        }),
        1 => (id(), address()).prop_map(|(id, address)| {
            intend(&id, address, Operation::RemovePool { id: "uid-a".to_owned() })
        }),
        5 => (id(), key(), key(), number.clone()).prop_map(|(id, _, base, number)| {
            applied(&id, &format!("uid-{}", Generation(number).name(base)))
        }),
        2 => id().prop_map(|id| rejected(&id)),
        1 => (key(), number.clone()).prop_map(move |(key, number)| {
            fact(Fact::Adopted { key: text(key), generation: Box::new(generation(key, number)) })
        }),
        2 => (key(), key(), number.clone()).prop_map(move |(key, base, number)| {
            fact(Fact::Stood { key: text(key), name: Generation(number).name(base), offsets: offsets(number) })
        }),
        2 => (key(), key(), number).prop_map(move |(key, base, number)| {
            fact(Fact::Gone { key: text(key), name: Generation(number).name(base) })
        }),
        2 => key().prop_map(move |key| fact(Fact::Promoted { key: text(key) })),
        1 => address().prop_map(|address| fact(Fact::Buried { address })),
        1 => address().prop_map(|address| fact(Fact::Forgotten { address })),
        1 => (address(), address()).prop_map(|(from, to)| moved(from, to)),
    ]
}

/// The highest number known to be used under each cloud name.
fn numbers(recorded: &Recorded) -> BTreeMap<String, (Generation, u32)> {
    let mut numbers = BTreeMap::<String, (Generation, u32)>::new();
    let records = recorded.statements.values().map(|r| (r.declared.name.clone(), r.last_generation, r.undos));
    let tombstones = recorded.tombstones.values().map(|t| (t.name.clone(), t.last_generation, t.undos));
    for (name, generation, undos) in records.chain(tombstones) {
        let known = numbers.entry(name).or_insert((Generation(0), 0));
        *known = (known.0.max(generation), known.1.max(undos));
    }
    numbers
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_entries_leave_a_record_that_reads_back_and_forgets_no_number(entries in prop::collection::vec(any_entry(), 0..60)) {
        let mut recorded = empty();
        for entry in &entries {
            let before = recorded.clone();
            if recorded.apply(entry).is_err() {
                prop_assert_eq!(&recorded, &before);
            }
            // A submission that came to nothing gives its number back.
            let rejected = matches!(entry, Entry::Settle { outcome: Outcome::Rejected { .. }, .. });
            let now = if rejected { BTreeMap::new() } else { numbers(&recorded) };
            for (name, (generation, undos)) in numbers(&before) {
                let known = now.get(&name).copied();
                prop_assert!(rejected || known.is_some_and(|known| known.0 >= generation && known.1 >= undos)
                    || (generation, undos) == (Generation(0), 0), "{} after {:?}", name, entry);
            }
            let written = serde_json::to_string(entry).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Entry>(&written).unwrap(), entry);
        }
        let written = serde_json::to_string(&recorded).unwrap();
        prop_assert_eq!(serde_json::from_str::<Recorded>(&written).unwrap(), recorded);
    }

    #[test]
    fn what_was_applied_is_lost_sight_of_only_when_it_is_told_to_be_gone(entries in prop::collection::vec(any_entry(), 0..60)) {
        let uids = |recorded: &Recorded| -> BTreeSet<(String, String)> {
            let all = recorded.statements.values().flat_map(|record| record.generations());
            all.map(|generation| (generation.sent.name.clone(), generation.uid.clone())).collect()
        };
        let mut recorded = empty();
        for entry in &entries {
            let before = uids(&recorded);
            drop(recorded.apply(entry));
            let lost: Vec<_> = before.difference(&uids(&recorded)).cloned().collect();
            match entry {
                Entry::Record { fact: Fact::Gone { .. } } => prop_assert!(lost.len() <= 1),
                Entry::Record { fact: Fact::Buried { .. } | Fact::Forgotten { .. } } => {}
                _ => prop_assert!(lost.is_empty(), "{:?} lost {:?}", entry, lost),
            }
        }
    }
}
