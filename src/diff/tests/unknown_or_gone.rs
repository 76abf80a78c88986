//! Tests of statements that wait, that are gone, or whose presence is unknown.

use super::*;

#[test]
fn a_pending_or_resuming_job_can_be_stopped_and_moved() {
    let moved = copy("principal = \"sa-1\"\n");
    let principal = "PrincipalChanged { before: None, after: \"sa-1\" }";
    for phase in [Phase::Pending, Phase::Stopped] {
        let pending = || converged().phase("copy", phase.clone());
        assert_eq!(
            pending().desired(&copy("stopped = true\n")).summary(),
            "copy Stop [StoppedChanged { to: true }] []"
        );
        assert_eq!(
            pending().desired(&moved).summary(),
            format!(
                "copy Restart {{ placement: PlacementChange {{ pool: false, principal: true }} }} [{principal}] []"
            )
        );
    }
    let never_ran =
        converged().phase("copy", Phase::Pending).current("copy", |it| it.reached = FurthestPhase::Submitted);
    let summary = never_ran.desired(&moved).summary();
    assert_eq!(summary, format!("copy Replace NeverRan g1 -> g2 [NeverRan {{ detail: \"\" }}, {principal}] []"));
}

#[test]
fn a_job_whose_pool_is_gone_counts_as_stopped() {
    let resumed =
        converged().live("copy", |live| (live.phase, live.pool) = (Phase::Stopped, Some("lfcp-9".to_owned())));
    assert_eq!(resumed.missing().pools, BTreeSet::from(["lfcp-9".to_owned()]));
    let mut snapshot = resumed.snapshot();
    snapshot.add_pool_answer("lfcp-9", Ok(None));
    let diff = complete(diff(resumed.inputs(&snapshot, &Settlement::default())));
    assert_eq!(summary(&diff), "copy Inform [] [StoppedOutside]");
}

#[test]
fn nothing_is_started_or_deleted_while_a_generation_is_unknown() {
    let changed = copy("evolve = \"restart\"\n").replace("SELECT id FROM", "SELECT id + 1 FROM");
    let with = |place: fn(&mut StatementRecord, GenerationRecord)| {
        let mut fixture = converged();
        let record = fixture.recorded.statements.get_mut("copy").unwrap();
        let mut other = GenerationRecord::clone(record.current.as_ref().unwrap());
        (other.sent.name, other.uid) = ("copy-g2".to_owned(), "uid-g2".to_owned());
        place(record, other);
        fixture.unknown.push("copy-g2".to_owned());
        fixture
    };
    let retired = || with(|record, other| record.retired.push(other));
    let successor = || with(|record, other| record.successor = Some(Box::new(other)));
    for fixture in [retired(), successor()] {
        assert!(fixture.desired(TABLE).summary().starts_with("copy BLOCKED [PresenceUnknown"));
    }
    assert!(retired().desired(&changed).summary().starts_with("copy BLOCKED [PresenceUnknown"));
    assert!(successor().summary().starts_with("copy BLOCKED [PresenceUnknown"));
    let resumed = retired().stopped("copy").desired(&copy("on_stopped = \"resume\"\n"));
    assert!(resumed.summary().starts_with("copy BLOCKED [PresenceUnknown"), "{}", resumed.summary());
    // A running job that needs no change keeps running.
    assert_eq!(retired().summary(), "");
}

#[test]
fn replace_leaves_a_stopped_job_alone_and_notes_it() {
    let replace_requested = |fixture: DiffFixture| {
        fixture
            .current("copy", |current| current.stopped = true)
            .desired(&copy("stopped = true\n"))
            .with_options(|request| request.replace.extend([Address::statement("copy")]))
    };
    assert_eq!(
        replace_requested(converged().stopped("copy")).summary(),
        "copy RecordSettings [] [ReplaceIgnoredWhileStopped]"
    );
    assert!(replace_requested(converged().gone("copy")).summary().ends_with("ReplaceIgnoredWhileStopped]"));
    assert!(
        replace_requested(converged().phase("copy", Phase::Failed)).summary().ends_with("ReplaceIgnoredWhileStopped]")
    );
}

#[test]
fn a_stopped_job_that_is_gone_is_reported() {
    let gone = |stopped: bool, offsets: Option<Offsets>| {
        converged()
            .gone("copy")
            .current("copy", |current| (current.stopped, current.offsets) = (stopped, offsets))
            .desired(&copy("stopped = true\n"))
            .summary()
    };
    let topics = BTreeMap::from([("orders".to_owned(), "partition:0,offset:7".to_owned())]);
    let offsets = || Some(Offsets { topics: topics.clone(), taken_at: None });
    assert_eq!(gone(true, offsets()), "copy RecordSettings [] [OffsetsOnlyInState]");
    assert!(gone(false, offsets()).starts_with("copy RecordSettings [] [GoneWithUncertainOffsets"));
    assert_eq!(gone(true, None), "copy RecordSettings [] [GoneWithUnknownOffsets]");
    assert_eq!(gone(false, None), "copy RecordSettings [] [GoneWithUnknownOffsets]");
}

#[test]
fn one_round_of_lookups_covers_a_gone_definition_and_its_users() {
    let table = TABLE.replace("\"\n", "\"\nundo = \"DROP TABLE orders\"\n");
    let changed = format!("{}{COPY}", table.replace("id INT", "id BIGINT"));
    let redefined = |fixture: DiffFixture| {
        fixture.unlisted("orders").desired(&changed).with_options(|options| options.allow_data_loss = true)
    };
    let converged = || DiffFixture::of(&format!("{table}{COPY}"));
    assert_eq!(redefined(converged().unlisted("copy")).summary(), "looks up copy\nlooks up orders");
    // A user that is known already blocks the change, regardless of the definition.
    assert!(redefined(converged()).summary().starts_with("orders BLOCKED [ObjectsInUse"));
}

#[test]
fn one_round_of_lookups_covers_every_generation_of_an_open_replacement() {
    let mut fixture = converged().unlisted("copy");
    let record = fixture.recorded.statements.get_mut("copy").unwrap();
    let current = record.current.clone().unwrap();
    let renamed = |name: &str, number: u32| {
        let sent = Submission { name: name.to_owned(), generation: Generation(number), ..current.sent.clone() };
        GenerationRecord { sent, uid: format!("uid-{name}"), ..(*current).clone() }
    };
    record.retired = vec![renamed("copy-g2", 2)];
    record.successor = Some(Box::new(renamed("copy-g3", 3)));
    record.last_generation = Generation(3);
    assert_eq!(fixture.summary(), "looks up copy\nlooks up copy-g2\nlooks up copy-g3");
    // If the successor cannot be read, the change is blocked and nothing else is looked up.
    assert!(fixture.unknown("copy-g3").summary().starts_with("copy BLOCKED [PresenceUnknown"));
}
