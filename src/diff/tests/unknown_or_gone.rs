//! Tests of statements that wait, that are gone, or whose presence is unknown.

use super::*;

#[test]
fn a_pending_or_resuming_job_can_be_stopped_and_moved() {
    let moved = copy("principal = \"sa-1\"\n");
    let in_each_phase = |statements: &str| {
        [Phase::Pending, Phase::Stopped]
            .map(|phase| converged().phase("copy", phase).desired(statements).summary())
            .join("\n")
    };
    insta::assert_snapshot!(in_each_phase(&copy("stopped = true\n")), @"
    copy: Stop | because StoppedChanged { to: true }
    copy: Stop | because StoppedChanged { to: true }
    ");
    insta::assert_snapshot!(in_each_phase(&moved), @r#"
    copy: Restart, sends principal | because PrincipalChanged { before: None, after: "sa-1" }
    copy: Restart, sends principal | because PrincipalChanged { before: None, after: "sa-1" }
    "#);
    let never_ran =
        converged().phase("copy", Phase::Pending).current("copy", |it| it.reached = FurthestPhase::Submitted);
    insta::assert_snapshot!(
        never_ran.desired(&moved).summary(),
        @r#"copy: Replace NeverRan g1 -> g2 | because NeverRan { detail: "" }, PrincipalChanged { before: None, after: "sa-1" }"#
    );
}

#[test]
fn a_job_whose_pool_is_gone_counts_as_stopped() {
    let resumed =
        converged().live("copy", |live| (live.phase, live.pool) = (Phase::Stopped, Some("lfcp-9".to_owned())));
    assert_eq!(resumed.missing().pools, BTreeSet::from(["lfcp-9".to_owned()]));
    let mut snapshot = resumed.snapshot();
    snapshot.add_pool_answer("lfcp-9", Ok(None));
    let diff = complete(diff(resumed.inputs(&snapshot, &Settlement::default())));
    insta::assert_snapshot!(summary::of_diff(&diff), @"copy: Inform | note StoppedOutside | unhealthy");
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
    insta::assert_snapshot!(
        retired().desired(TABLE).summary(),
        @r#"copy: BLOCKED by PresenceUnknown { why: "403" } | because NotDeclared"#
    );
    insta::assert_snapshot!(
        successor().desired(TABLE).summary(),
        @r#"copy: BLOCKED by PresenceUnknown { why: "403" } | because NotDeclared | unhealthy"#
    );
    insta::assert_snapshot!(
        retired().desired(&changed).summary(),
        @r#"copy: BLOCKED by PresenceUnknown { why: "403" } | because SqlChanged | note OutputRepeated { keyed: None }"#
    );
    insta::assert_snapshot!(successor().summary(), @r#"copy: BLOCKED by PresenceUnknown { why: "403" } | unhealthy"#);
    let resumed = retired().stopped("copy").desired(&copy("on_stopped = \"resume\"\n"));
    insta::assert_snapshot!(
        resumed.summary(),
        @r#"copy: BLOCKED by PresenceUnknown { why: "403" } | because StoppedOutside | unhealthy"#
    );
    // A running job that needs no change keeps running.
    insta::assert_snapshot!(retired().summary(), @"no changes");
}

#[test]
fn replace_leaves_a_stopped_job_alone_and_notes_it() {
    let replace_requested = |fixture: DiffFixture| {
        fixture
            .current("copy", |current| current.stopped = true)
            .desired(&copy("stopped = true\n"))
            .with_options(|request| request.replace.extend([Address::statement("copy")]))
    };
    insta::assert_snapshot!(
        replace_requested(converged().stopped("copy")).summary(),
        @"copy: RecordSettings | note ReplaceIgnoredWhileStopped | unhealthy"
    );
    insta::assert_snapshot!(
        replace_requested(converged().gone("copy")).summary(),
        @"copy: RecordSettings | note GoneWithUnknownOffsets, ReplaceIgnoredWhileStopped | unhealthy"
    );
    insta::assert_snapshot!(
        replace_requested(converged().phase("copy", Phase::Failed)).summary(),
        @r#"copy: RecordSettings | note Failed { detail: "", since: None }, ReplaceIgnoredWhileStopped | unhealthy"#
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
    insta::assert_snapshot!(gone(true, offsets()), @"copy: RecordSettings | note OffsetsOnlyInState");
    insta::assert_snapshot!(
        gone(false, offsets()),
        @r#"copy: RecordSettings | note GoneWithUncertainOffsets { topics: {"orders": "partition:0,offset:7"} } | unhealthy"#
    );
    insta::assert_snapshot!(gone(true, None), @"copy: RecordSettings | note GoneWithUnknownOffsets | unhealthy");
    insta::assert_snapshot!(gone(false, None), @"copy: RecordSettings | note GoneWithUnknownOffsets | unhealthy");
}

#[test]
fn one_round_of_lookups_covers_a_gone_definition_and_its_users() {
    let table = TABLE.replace("\"\n", "\"\nundo = \"DROP TABLE orders\"\n");
    let changed = format!("{}{COPY}", table.replace("id INT", "id BIGINT"));
    let redefined = |fixture: DiffFixture| {
        fixture.unlisted("orders").desired(&changed).with_options(|options| options.allow_data_loss = true)
    };
    let converged = || DiffFixture::of(&format!("{table}{COPY}"));
    insta::assert_snapshot!(redefined(converged().unlisted("copy")).summary(), @"
    looks up copy
    looks up orders
    ");
    // A user that is known already blocks the change, regardless of the definition.
    insta::assert_snapshot!(
        redefined(converged()).summary(),
        @r#"orders: BLOCKED by ObjectsInUse { by: ["statements.copy"] } | because SqlChanged"#
    );
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
    insta::assert_snapshot!(fixture.summary(), @"
    looks up copy
    looks up copy-g2
    looks up copy-g3
    ");
    // If the successor cannot be read, the change is blocked and nothing else is looked up.
    insta::assert_snapshot!(
        fixture.unknown("copy-g3").summary(),
        @r#"copy: BLOCKED by PresenceUnknown { why: "403" } | unhealthy"#
    );
}
