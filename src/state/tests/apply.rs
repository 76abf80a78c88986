//! What each entry does to a record, and why entries are rejected.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use proptest::prelude::*;

use super::{fixtures::*, *};
use crate::resource::*;

/// Asserts that the record rejects `entry` and stays unchanged. Returns the message.
fn assert_refused(recorded: &Recorded, entry: &Entry) -> String {
    let mut tried = recorded.clone();
    let error = tried.apply(entry).expect_err("the entry should be rejected");
    assert_eq!(tried, *recorded, "a rejected entry must not change the record");
    error.to_string()
}

/// Returns the record of `orders` after `entries`.
fn orders_record(entries: &[Entry]) -> StatementRecord {
    *record_after(entries).statements.remove("orders").unwrap()
}

/// Returns `entries` followed by `more`.
fn with(mut entries: Vec<Entry>, more: impl IntoIterator<Item = Entry>) -> Vec<Entry> {
    entries.extend(more);
    entries
}

fn offsets_set(name: &str, at: u32) -> Entry {
    fact(Fact::OffsetsSet { key: "orders".to_owned(), name: name.to_owned(), offsets: offsets(at) })
}

fn generation_gone(name: &str) -> Entry {
    fact(Fact::GenerationGone { key: "orders".to_owned(), name: name.to_owned() })
}

fn promote() -> Entry {
    fact(Fact::Promoted { key: "orders".to_owned() })
}

fn delete_orders() -> Entry {
    fact(Fact::Deleted { address: Address::statement("orders") })
}

fn forget_orders() -> Entry {
    fact(Fact::Forgotten { address: Address::statement("orders") })
}

fn move_address(from: Address, to: Address) -> Entry {
    fact(Fact::Moved { from, to })
}

fn stop() -> StatementUpdate {
    StatementUpdate { stopped: true, ..StatementUpdate::default() }
}

fn resume() -> StatementUpdate {
    StatementUpdate {
        pool: Some("lfcp-2".to_owned()),
        principal: Some("sa-2".to_owned()),
        ..StatementUpdate::default()
    }
}

#[test]
fn a_submission_reserves_its_number_before_it_is_sent_and_keeps_its_secret_hashes() {
    let hashes = BTreeMap::from([("openai".to_owned(), KeyedHash::of(&HashKey("key".to_owned()), "sesame"))]);
    let mut entries = vec![declare("orders", "orders"), submit("1", "orders", "orders", 1, Role::Current)];
    if let Entry::IntentOpened { secrets, .. } = &mut entries[1] {
        secrets.clone_from(&hashes);
    }
    let recorded = record_after(&entries);
    assert_eq!(recorded.statements["orders"].last_generation, Generation(1));
    assert_eq!(recorded.statements["orders"].current, None);
    assert_eq!(recorded.open_intents[&IntentId("1".to_owned())].secrets, hashes);

    let outcome = Outcome::Applied { id: Some("u-1".to_owned()), created_at: Some("2026-01-01T00:00:00Z".to_owned()) };
    let recorded =
        record_after(&with(entries, [Entry::IntentSettled { intent_id: IntentId("1".to_owned()), outcome }]));
    assert!(recorded.open_intents.is_empty());
    let current = recorded.statements["orders"].current.as_ref().unwrap();
    assert_eq!((current.uid.as_str(), current.reached, current.stopped), ("u-1", FurthestPhase::Submitted, false));
    assert_eq!((&current.secrets, current.created_at.as_deref()), (&hashes, Some("2026-01-01T00:00:00Z")));
    assert_eq!(recorded.statements["orders"].dependencies, [Address::pool("main")]);
}

#[test]
fn a_generation_number_is_freed_only_if_its_submission_had_no_effect() {
    let g2 = |id| submit(id, "orders", "orders", 2, Role::Successor);
    let intended = record_after(&with(running_statement("orders", "orders"), [g2("2")]));
    assert_eq!(intended.statements["orders"].last_generation, Generation(2));
    // The request had no effect, so the next attempt uses the same name.
    let recorded = record_after(&with(running_statement("orders", "orders"), [g2("2"), settle_rejected("2")]));
    assert_eq!(recorded.statements["orders"].last_generation, Generation(1));
    assert!(recorded.clone().apply(&g2("3")).is_ok());
    // Once a generation has existed, its number stays used even when it is gone.
    let without = record_after(&with(running_statement("orders", "orders"), [generation_gone("orders")]));
    let late = submit("3", "orders", "orders", 1, Role::Current);
    assert!(assert_refused(&without, &late).contains("numbers up to g1 are already used"));
    // The name of a recorded generation cannot be submitted either.
    let taken = submit("3", "orders", "orders", 1, Role::Successor);
    assert!(assert_refused(&recorded, &taken).contains("orders is already recorded with uid uid-orders"));
}

#[test]
fn an_object_being_created_cannot_be_created_again() {
    let g2 = |id| submit(id, "orders", "orders", 2, Role::Successor);
    let create = |id| {
        open_intent(
            id,
            Address::pool("main"),
            Operation::CreatePool { pool: pool("main"), existing_ids: BTreeSet::new() },
        )
    };
    let recorded = record_after(&with(running_statement("orders", "orders"), [g2("2"), create("3")]));
    let elsewhere =
        record_after(&with(vec![declare("sales", "orders")], [submit("2", "sales", "orders", 2, Role::Current)]));
    let mut elsewhere = elsewhere;
    elsewhere.apply(&declare("orders", "orders")).unwrap();
    assert!(assert_refused(&elsewhere, &g2("4")).contains("intent 2 to create the same object is still open"));
    assert!(assert_refused(&recorded, &create("4")).contains("intent 3 to create the same object is still open"));
}

#[test]
fn a_submission_may_be_in_flight_twice_and_creates_one_generation() {
    let g2 = |id| submit(id, "orders", "orders", 2, Role::Successor);
    let twice = with(running_statement("orders", "orders"), [g2("2"), g2("3")]);
    // One copy was rejected. The other one still has the number.
    let one_left = record_after(&with(twice.clone(), [settle_rejected("2")]));
    assert_eq!(one_left.statements["orders"].last_generation, Generation(2));
    let none_left = record_after(&with(twice.clone(), [settle_rejected("2"), settle_rejected("3")]));
    assert_eq!(none_left.statements["orders"].last_generation, Generation(1));
    let both_found = record_after(&with(twice, [settle_applied("2", "u"), settle_applied("3", "u")]));
    let record = &both_found.statements["orders"];
    assert_eq!((record.successor.as_ref().unwrap().uid.as_str(), record.retired.len()), ("u", 0));
    assert!(both_found.open_intents.is_empty());
}

#[test]
fn the_numbers_of_a_name_that_was_never_in_force_stay_used() {
    // `b` was renamed to `c`, and its second generation failed before it was in force.
    let entries = with(running_statement("orders", "b"), [submit("2", "orders", "c", 2, Role::Current)]);
    let recorded = record_after(&with(entries, [settle_applied("2", "u"), generation_gone("c-g2")]));
    assert_eq!(recorded.highest_number("c"), Some(Generation(2)));
    assert_eq!(recorded.highest_number("b"), Some(Generation(2)));
    assert_eq!(recorded.highest_number("d"), None);
}

#[test]
fn an_intent_without_a_usable_time_counts_from_when_it_is_found() {
    let time = |text: &str| serde_json::from_str::<ServiceTime>(&format!("\"{text}\"")).unwrap();
    let (now, later) = (time("2026-01-02T03:04:05Z"), time("2026-01-02T03:05:05Z"));
    let stop = update("2", "orders", "orders", stop());
    let mut recorded = record_after(&with(running_statement("orders", "orders"), [stop]));
    let left = |recorded: &Recorded, now| recorded.open_intents.values().next().unwrap().intent.in_flight_for(now);
    assert_eq!(left(&recorded, Some(later)), Some(IN_FLIGHT));
    recorded.date_open_intents(now);
    assert_eq!(left(&recorded, Some(later)), Some(IN_FLIGHT - Duration::from_secs(60)));
    assert_eq!(left(&recorded, None), Some(IN_FLIGHT));
    assert_eq!(left(&recorded, Some(now.after(IN_FLIGHT))), None);
    // A time in the future cannot be right, so the wait is bounded.
    recorded.date_open_intents(now.before(Duration::from_secs(3600)));
    assert!(!recorded.has_undated_intents(now));
    assert_eq!(left(&recorded, Some(now.before(Duration::from_secs(3600)))), Some(IN_FLIGHT));
}

#[test]
fn undo_statements_are_numbered_separately() {
    let undo = |id, count| submit(id, "orders", "orders", count, Role::Undo);
    let entries = with(running_statement("orders", "orders"), [undo("2", 1), settle_applied("2", "u"), undo("3", 2)]);
    let record = orders_record(&entries);
    assert_eq!((record.undo_count, record.last_generation), (2, Generation(1)));
    assert_eq!(record.undo.as_ref().unwrap().sent.name, "orders-undo-1");
    let record = orders_record(&with(entries, [settle_applied("3", "u2")]));
    assert_eq!(record.undo.as_ref().unwrap().sent.name, "orders-undo-2");
    assert_eq!(record.retired[0].sent.name, "orders-undo-1", "the replaced undo statement must stay recorded");
}

#[test]
fn a_resume_voids_offsets_when_intended_and_updates_the_rest_when_applied() {
    let stopped =
        with(running_statement("orders", "orders"), [update("2", "orders", "orders", stop()), settle_applied("2", "")]);
    assert!(orders_record(&stopped).current.unwrap().stopped);
    let standing = with(stopped, [offsets_set("orders", 7)]);
    let current = orders_record(&standing).current.unwrap();
    assert_eq!((current.offsets, current.reached, current.stopped), (Some(offsets(7)), FurthestPhase::Running, true));

    let resuming = with(standing, [update("3", "orders", "orders", resume())]);
    let current = orders_record(&resuming).current.unwrap();
    assert_eq!((current.offsets, current.stopped, current.sent.pool.as_deref()), (None, true, Some("lfcp-1")));
    let current = orders_record(&with(resuming.clone(), [settle_applied("3", "")])).current.unwrap();
    assert_eq!((current.stopped, current.sent.pool.as_deref()), (false, Some("lfcp-2")));
    assert_eq!(current.sent.principal.as_deref(), Some("sa-2"));
    let current = orders_record(&with(resuming.clone(), [settle_rejected("3")])).current.unwrap();
    assert_eq!((current.stopped, current.sent.pool.as_deref()), (true, Some("lfcp-1")));
    assert_eq!(current.offsets, Some(offsets(7)), "a rejected resume must restore the offsets");
    let newer = orders_record(&with(resuming, [offsets_set("orders", 8), settle_rejected("3")])).current.unwrap();
    assert_eq!(newer.offsets, Some(offsets(8)));
}

#[test]
fn an_outcome_is_recorded_though_its_generation_is_gone() {
    let stopping = with(
        running_statement("orders", "orders"),
        [update("2", "orders", "orders", stop()), generation_gone("orders")],
    );
    let recorded = record_after(&with(stopping, [settle_applied("2", "")]));
    assert!(recorded.open_intents.is_empty() && recorded.statements["orders"].current.is_none());
}

#[test]
fn a_stop_leaves_pool_and_principal_alone() {
    let entries =
        with(running_statement("orders", "orders"), [update("2", "orders", "orders", stop()), settle_applied("2", "")]);
    assert_eq!(orders_record(&entries).current.unwrap().sent.pool.as_deref(), Some("lfcp-1"));
}

#[test]
fn a_replacement_moves_generations_from_successor_to_current_to_retired() {
    let g2 = submit("2", "orders", "orders", 2, Role::Successor);
    let open = with(running_statement("orders", "orders"), [g2, settle_applied("2", "u2")]);
    let record = orders_record(&open);
    assert_eq!(record.successor.as_ref().unwrap().sent.name, "orders-g2");
    assert_eq!(record.generations().count(), 2);

    let done = with(open, [offsets_set("orders", 3), promote()]);
    let record = orders_record(&done);
    assert_eq!(record.current.as_ref().unwrap().uid, "u2");
    assert_eq!((record.successor, record.retired.len()), (None, 1));
    assert_eq!(record.retired[0].offsets, Some(offsets(3)));

    // Replace it again. The newest retired generation comes first, and each is removed by its name.
    let g3 = submit("3", "orders", "orders", 3, Role::Successor);
    let again = with(done, [g3, settle_applied("3", "u3"), promote()]);
    let names = |record: &StatementRecord| -> Vec<_> { record.retired.iter().map(|g| g.sent.name.clone()).collect() };
    assert_eq!(names(&orders_record(&again)), ["orders-g2", "orders"]);
    assert_eq!(names(&orders_record(&with(again, [generation_gone("orders")]))), ["orders-g2"]);
}

#[test]
fn a_displaced_generation_is_retired() {
    let resubmission = submit("2", "orders", "orders", 2, Role::Current);
    let record = orders_record(&with(running_statement("orders", "orders"), [resubmission, settle_applied("2", "u2")]));
    assert_eq!(record.current.unwrap().uid, "u2");
    assert_eq!(record.retired[0].uid, "uid-orders");
}

#[test]
fn the_furthest_phase_never_goes_back() {
    let reached = |reached, kind: Option<&str>| {
        let (key, name) = ("orders".to_owned(), "orders".to_owned());
        fact(Fact::PhaseReached { key, name, reached, sql_kind: kind.map(str::to_owned), bounded: false })
    };
    let steps = [reached(FurthestPhase::Completed, Some("CREATE_TABLE")), reached(FurthestPhase::Running, None)];
    let current = orders_record(&with(running_statement("orders", "orders"), steps)).current.unwrap();
    assert_eq!((current.reached, current.sql_kind.as_deref()), (FurthestPhase::Completed, Some("CREATE_TABLE")));
}

#[test]
fn offsets_outlive_the_statement_and_its_record() {
    let deletion = [
        update("2", "orders", "orders", stop()),
        settle_applied("2", ""),
        offsets_set("orders", 9),
        delete("3", "orders", "orders"),
        settle_applied("3", ""),
        generation_gone("orders"),
    ];
    let entries = with(running_statement("orders", "orders"), deletion);
    assert_eq!(orders_record(&entries).last_offsets, Some(offsets(9)));
    let deleted = with(entries, [delete_orders()]);
    let recorded = record_after(&deleted);
    assert!(recorded.statements.is_empty());
    let tombstone = &recorded.tombstones["orders"];
    assert_eq!((tombstone.name.as_str(), tombstone.last_generation), ("orders", Generation(1)));
    assert_eq!(tombstone.offsets, Some(offsets(9)));

    // When the statement is declared again, its numbers continue. Its offsets stay known until another generation has
    // run.
    let again = with(deleted, [declare("orders", "orders")]);
    assert!(record_after(&again).tombstones.is_empty());
    let record = orders_record(&again);
    assert_eq!((record.last_generation, record.last_offsets), (Generation(1), Some(offsets(9))));
    let resubmission = [submit("4", "orders", "orders", 2, Role::Current), settle_applied("4", "u2")];
    let again = with(again, resubmission);
    assert_eq!(orders_record(&again).last_offsets, Some(offsets(9)));
    for failed in [vec![generation_gone("orders-g2")], vec![]] {
        let recorded = record_after(&with(again.clone(), with(failed, [delete_orders()])));
        assert_eq!(
            recorded.tombstones["orders"].offsets,
            Some(offsets(9)),
            "a generation that never ran must not change the offsets"
        );
    }
    let (key, name) = ("orders".to_owned(), "orders-g2".to_owned());
    let ran = fact(Fact::PhaseReached { key, name, reached: FurthestPhase::Running, sql_kind: None, bounded: false });
    let ran = with(again, [ran]);
    assert_eq!(orders_record(&ran).last_offsets, None);
    assert_eq!(orders_record(&with(ran, [generation_gone("orders-g2")])).last_offsets, None);
}

#[test]
fn deleting_a_statement_keeps_the_offsets_of_its_current_generation() {
    let recorded =
        record_after(&with(running_statement("orders", "orders"), [offsets_set("orders", 4), delete_orders()]));
    assert_eq!(recorded.tombstones["orders"].offsets, Some(offsets(4)));
}

#[test]
fn offsets_of_a_retired_generation_are_not_those_of_the_last_run() {
    let g2 = submit("2", "orders", "orders", 2, Role::Successor);
    let steps = [
        g2,
        settle_applied("2", "u2"),
        offsets_set("orders", 3),
        promote(),
        generation_gone("orders"),
        generation_gone("orders-g2"),
    ];
    assert_eq!(orders_record(&with(running_statement("orders", "orders"), steps)).last_offsets, None);
}

#[test]
fn a_forgotten_statement_keeps_its_numbers() {
    let g2 = submit("2", "orders", "orders", 2, Role::Successor);
    let recorded =
        record_after(&with(running_statement("orders", "orders"), [g2, offsets_set("orders", 3), forget_orders()]));
    assert!(recorded.statements.is_empty() && recorded.open_intents.is_empty());
    let tombstone = &recorded.tombstones["orders"];
    assert_eq!((tombstone.last_generation, &tombstone.offsets), (Generation(2), &None));
    assert!(assert_refused(&recorded, &forget_orders()).contains("statements.orders is not recorded"));
}

#[test]
fn a_cloud_name_keeps_its_numbers_under_any_key() {
    let deleted_orders = with(running_statement("orders", "orders"), [delete_orders()]);
    // Another key takes over the name.
    let recorded = record_after(&with(deleted_orders.clone(), [declare("sales", "orders")]));
    assert_eq!(recorded.statements["sales"].last_generation, Generation(1));
    assert!(recorded.tombstones.is_empty());
    // The same key takes another name. A name that was never used begins at the first number, and the old one stays
    // known.
    let renamed = with(deleted_orders, [declare("orders", "fresh")]);
    assert_eq!(orders_record(&renamed).last_generation, Generation(0));
    let both = record_after(&with(renamed, [delete_orders()]));
    let names: Vec<_> = both.tombstones.iter().map(|(key, t)| (key.as_str(), t.name.as_str())).collect();
    assert_eq!(names, [("orders", "fresh"), ("orders/orders", "orders")]);
    let mut again = both;
    again.apply(&declare("x", "orders")).unwrap();
    assert_eq!(again.statements["x"].last_generation, Generation(1));
}

#[test]
fn an_abandoned_cloud_name_keeps_its_numbers() {
    let entries = with(running_statement("orders", "orders"), [declare("orders", "orders-v2")]);
    let recorded = record_after(&entries);
    assert_eq!(
        recorded.statements["orders"].last_generation,
        Generation(1),
        "the numbers must continue under the new name"
    );
    assert_eq!(recorded.statements["orders"].declared.name, "orders-v2");
    assert_eq!(recorded.tombstones["orders"].name, "orders");
    let recorded = record_after(&with(entries, [declare("sales", "orders")]));
    assert_eq!(recorded.statements["sales"].last_generation, Generation(1));
}

#[test]
fn adoption_needs_a_declared_record_without_a_current_generation() {
    let adopted = |number| {
        let generation = Box::new(generation("orders", number));
        fact(Fact::Adopted { key: "orders".to_owned(), generation, retired: Vec::new(), replaces_recorded: false })
    };
    assert!(assert_refused(&empty_record(), &adopted(3)).contains("statements.orders is not recorded"));
    let entries = [declare("orders", "orders"), adopted(3)];
    let record = orders_record(&entries);
    assert_eq!((record.last_generation, record.current.unwrap().sent.name.as_str()), (Generation(3), "orders-g3"));
    assert!(
        assert_refused(&record_after(&entries), &adopted(4)).contains("orders-g3 is already the current generation")
    );
    let submitting = record_after(&[declare("orders", "orders"), submit("1", "orders", "orders", 3, Role::Current)]);
    assert!(assert_refused(&submitting, &adopted(3)).contains("intent 1 to submit it is still open"));
}

#[test]
fn pools_are_identified_by_id() {
    let create = |id, name| {
        let operation = Operation::CreatePool { pool: pool(name), existing_ids: BTreeSet::from(["lfcp-0".to_owned()]) };
        open_intent(id, Address::pool("main"), operation)
    };
    let raise = PoolUpdate { display_name: Some("big".to_owned()), max_cfu: Some(20) };
    let update = |id: &str| {
        open_intent("2", Address::pool("main"), Operation::UpdatePool { id: id.to_owned(), to: raise.clone() })
    };
    let mut recorded = record_after(&[create("1", "main"), settle_applied("1", "lfcp-1")]);
    assert_eq!(
        recorded.pools["main"],
        PoolRecord { id: "lfcp-1".to_owned(), declared: pool("main"), is_deleted: false }
    );
    assert!(assert_refused(&recorded, &update("lfcp-9")).contains("pools.main is lfcp-1, not lfcp-9"));
    for entry in [update("lfcp-1"), settle_applied("2", "")] {
        recorded.apply(&entry).unwrap();
    }
    assert_eq!(recorded.pools["main"].declared, Pool { display_name: "big".to_owned(), max_cfu: 20, ..pool("main") });

    let guarded = Pool { prevent_destroy: true, ..pool("big") };
    recorded.apply(&fact(Fact::PoolDeclared { key: "main".to_owned(), declared: guarded.clone() })).unwrap();
    assert_eq!(recorded.pools["main"].declared, guarded);
    let adopted = |key: &str, id: &str| {
        fact(Fact::PoolAdopted { key: key.to_owned(), id: id.to_owned(), declared: pool("other") })
    };
    assert!(assert_refused(&recorded, &adopted("main", "lfcp-2")).contains("pools.main is already lfcp-1"));
    recorded.apply(&adopted("other", "lfcp-2")).unwrap();

    let deleting = open_intent("3", Address::pool("main"), Operation::DeletePool { id: "lfcp-1".to_owned() });
    let deleted = fact(Fact::Deleted { address: Address::pool("main") });
    recorded.apply(&deleting).unwrap();
    assert!(assert_refused(&recorded, &deleted).contains("its intent 3 is still open"));
    for entry in [settle_applied("3", ""), deleted] {
        recorded.apply(&entry).unwrap();
    }
    assert_eq!(recorded.pools.keys().collect::<Vec<_>>(), ["other"]);
}

#[test]
fn a_move_updates_every_reference_to_the_address() {
    let mut sales = statement("sales");
    sales.depends_on = BTreeSet::from([Address::statement("orders")]);
    let dependencies = BTreeSet::from([Address::statement("orders"), Address::pool("main")]);
    let sales = fact(Fact::Declared { key: "sales".to_owned(), declared: Box::new(sales), dependencies });
    let adopted = Fact::PoolAdopted { key: "main".to_owned(), id: "lfcp-1".to_owned(), declared: pool("main") };
    let open = update("9", "orders", "orders", stop());
    let before = with(running_statement("orders", "orders"), [sales, fact(adopted), open]);

    let (here, there) = (Address::statement("orders"), Address::statement("purchases"));
    let mut recorded = record_after(&with(before, [move_address(here.clone(), there.clone())]));
    assert_eq!(recorded.statements.keys().collect::<Vec<_>>(), ["purchases", "sales"]);
    assert_eq!(recorded.open_intents[&IntentId("9".to_owned())].intent.address, there);
    let sales = &recorded.statements["sales"];
    assert_eq!(sales.dependencies, [Address::pool("main"), there.clone()]);
    assert_eq!(sales.declared.depends_on, BTreeSet::from([there.clone()]));
    recorded.apply(&settle_applied("9", "")).unwrap();
    assert!(recorded.statements["purchases"].current.as_ref().unwrap().stopped);

    recorded.apply(&move_address(Address::pool("main"), Address::pool("heavy"))).unwrap();
    assert_eq!(recorded.statements["sales"].declared.pool.as_deref(), Some("heavy"));
    assert!(recorded.statements["sales"].dependencies.contains(&Address::pool("heavy")));
    assert_eq!(recorded.pools["heavy"].id, "lfcp-1");

    for (from, to, why) in [
        (here.clone(), Address::statement("x"), "statements.orders is not recorded"),
        (there.clone(), Address::statement("sales"), "statements.sales is already recorded"),
        (there.clone(), there.clone(), "is already recorded"),
        (there, Address::pool("x"), "different kinds"),
    ] {
        assert!(assert_refused(&recorded, &move_address(from, to)).contains(why), "{why}");
    }
}

#[test]
fn a_tombstone_moves_with_its_address() {
    let entries = with(running_statement("orders", "orders"), [delete_orders()]);
    let there = Address::statement("purchases");
    let recorded = record_after(&with(entries, [move_address(Address::statement("orders"), there)]));
    assert_eq!(recorded.tombstones.keys().collect::<Vec<_>>(), ["purchases"]);
}

#[test]
fn an_entry_that_contradicts_the_record_is_refused_with_a_reason() {
    let recorded =
        record_after(&with(running_statement("orders", "orders"), [update("2", "orders", "orders", stop())]));
    let uid = |uid: &str| Operation::Delete { name: "orders".to_owned(), uid: uid.to_owned() };
    let at = Address::statement;
    for (entry, why) in [
        (settle_applied("9", ""), "`applied` for intent 9 contradicts the record: no intent with this id is open"),
        (settle_rejected("9"), "`rejected` for intent 9 contradicts the record: no intent with this id is open"),
        (update("2", "orders", "orders", stop()), "an intent with this id is already open"),
        (submit("3", "sales", "sales", 1, Role::Current), "statements.sales is not recorded"),
        (open_intent("3", at("orders"), uid("other")), "the recorded orders has uid uid-orders, not other"),
        (delete("3", "orders", "orders-g7"), "no generation named orders-g7 is recorded"),
        (open_intent("3", Address::pool("main"), uid("u")), "this operation does not apply to pools"),
        (
            open_intent("3", at("orders"), Operation::DeletePool { id: "x".to_owned() }),
            "this operation does not apply to statements",
        ),
        (promote(), "the statement has no successor"),
        (generation_gone("orders-g2"), "`gone` of orders-g2 in statements.orders contradicts the record"),
        (offsets_set("orders-g2", 1), "no generation named orders-g2"),
        (delete_orders(), "its intent 2 is still open"),
    ] {
        let message = assert_refused(&recorded, &entry);
        assert!(message.contains(why), "{message}");
    }
    let mut submitted = recorded;
    submitted.apply(&submit("3", "orders", "orders", 2, Role::Successor)).unwrap();
    assert!(assert_refused(&submitted, &settle_applied("3", "")).contains("a submitted statement needs a uid"));
}

/// Generates entries over few keys, names and ids, so that many of them fit together.
fn any_entry() -> impl Strategy<Value = Entry> {
    let key = || prop::sample::select(vec!["a", "b"]);
    let number = 1..4_u32;
    let id = || (0..3_u32).prop_map(|id| id.to_string());
    let role = prop::sample::select(vec![Role::Current, Role::Successor, Role::Undo]);
    let address = || {
        let kind = prop::sample::select(vec![ResourceKind::Pool, ResourceKind::Statement]);
        (kind, key()).prop_map(|(kind, key)| Address { kind, key: key.to_owned() })
    };
    let text = |key: &str| key.to_owned();
    prop_oneof![
        3 => (key(), key()).prop_map(|(key, name)| declare(key, name)),
        3 => (id(), key(), key(), number.clone(), role).prop_map(|(id, key, base, number, role)| {
            submit(&id, key, base, number, role)
        }),
        2 => (id(), key(), key(), number.clone(), any::<bool>()).prop_map(|(id, key, base, number, stopped)| {
            let name = Generation(number).name(base);
            update(&id, key, &name, StatementUpdate { stopped, ..StatementUpdate::default() })
        }),
        2 => (id(), key(), key(), number.clone()).prop_map(|(id, key, base, number)| {
            delete(&id, key, &Generation(number).name(base))
        }),
        2 => (id(), address()).prop_map(|(id, address)| {
            open_intent(&id, address, Operation::CreatePool { pool: pool("p"), existing_ids: BTreeSet::new() })
        }),
        1 => (id(), address()).prop_map(|(id, address)| {
            open_intent(&id, address, Operation::DeletePool { id: "uid-a".to_owned() })
        }),
        5 => (id(), key(), key(), number.clone()).prop_map(|(id, _, base, number)| {
            settle_applied(&id, &format!("uid-{}", Generation(number).name(base)))
        }),
        2 => id().prop_map(|id| settle_rejected(&id)),
        1 => (key(), number.clone()).prop_map(move |(key, number)| {
            let generation = Box::new(generation(key, number));
            fact(Fact::Adopted { key: text(key), generation, retired: Vec::new(), replaces_recorded: false })
        }),
        2 => (key(), key(), number.clone()).prop_map(move |(key, base, number)| {
            fact(Fact::OffsetsSet { key: text(key), name: Generation(number).name(base), offsets: offsets(number) })
        }),
        2 => (key(), key(), number).prop_map(move |(key, base, number)| {
            fact(Fact::GenerationGone { key: text(key), name: Generation(number).name(base) })
        }),
        2 => key().prop_map(move |key| fact(Fact::Promoted { key: text(key) })),
        1 => address().prop_map(|address| fact(Fact::Deleted { address })),
        1 => address().prop_map(|address| fact(Fact::Forgotten { address })),
        1 => (address(), address()).prop_map(|(from, to)| move_address(from, to)),
    ]
}

/// Returns the highest number known to be used under each cloud name.
fn used_numbers(recorded: &Recorded) -> BTreeMap<String, (Generation, u32)> {
    let mut numbers = BTreeMap::<String, (Generation, u32)>::new();
    let records = recorded.statements.values().map(|r| (r.declared.name.clone(), r.last_generation, r.undo_count));
    let tombstones = recorded.tombstones.values().map(|t| (t.name.clone(), t.last_generation, t.undo_count));
    for (name, generation, undos) in records.chain(tombstones) {
        let known = numbers.entry(name).or_insert((Generation(0), 0));
        *known = (known.0.max(generation), known.1.max(undos));
    }
    numbers
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_entries_leave_a_readable_record_and_forget_no_number(entries in prop::collection::vec(any_entry(), 0..60)) {
        let mut recorded = empty_record();
        for entry in &entries {
            let before = recorded.clone();
            if recorded.apply(entry).is_err() {
                prop_assert_eq!(&recorded, &before);
            }
            // A rejected submission frees its number.
            let rejected = matches!(entry, Entry::IntentSettled { outcome: Outcome::NotApplied { .. }, .. });
            let now = if rejected { BTreeMap::new() } else { used_numbers(&recorded) };
            for (name, (generation, undos)) in used_numbers(&before) {
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
    fn a_generation_leaves_the_record_only_when_gone_deleted_or_forgotten(entries in prop::collection::vec(any_entry(), 0..60)) {
        let uids = |recorded: &Recorded| -> BTreeSet<(String, String)> {
            let all = recorded.statements.values().flat_map(|record| record.generations());
            all.map(|generation| (generation.sent.name.clone(), generation.uid.clone())).collect()
        };
        let mut recorded = empty_record();
        for entry in &entries {
            let before = uids(&recorded);
            drop(recorded.apply(entry));
            let lost: Vec<_> = before.difference(&uids(&recorded)).cloned().collect();
            match entry {
                Entry::FactRecorded { fact: Fact::GenerationGone { .. } } => prop_assert!(lost.len() <= 1),
                Entry::FactRecorded { fact: Fact::Deleted { .. } | Fact::Forgotten { .. } } => {}
                _ => prop_assert!(lost.is_empty(), "{:?} lost {:?}", entry, lost),
            }
        }
    }
}
