//! Snapshots of every action, reason, note and block at 80 columns, and tests of the other texts.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::{
    diff::{
        Action, AfterDeletion, AfterWait, Block, Change, ImportMode, Note, PlacementChange, PlanOptions, Reason,
        RecordedSettings, Strategy,
    },
    graph::{self, Graph, lineage::lineage},
    manifest::tests::ProjectFixture,
    plan::{Basis, CopyCheck, FORMAT_VERSION, Plan, Step, StepGroup, StepRequest, Until},
    resource::{
        Address, Consent, EnvironmentIdentity, Generation, Phase, PoolUpdate, Properties, Role, Submission, Template,
        tests::identity,
    },
    state::{Fact, FurthestPhase, GenerationRecord},
};

/// Returns a plan with these changes.
fn plan_of(changes: impl IntoIterator<Item = (&'static str, Change)>) -> Plan {
    let address = |text: &str| text.parse::<Address>().unwrap();
    let identity = EnvironmentIdentity { environment: "env-z3y2x1".to_owned(), ..identity() };
    Plan {
        format_version: FORMAT_VERSION,
        basis: Basis {
            project: "clickstream".to_owned(),
            environment: "prod".to_owned(),
            identity,
            simulated: false,
            hosts: Vec::new(),
            secret_variables: None,
            lineage: "lineage".to_owned(),
            declared: BTreeMap::new(),
            recorded: BTreeMap::new(),
            seen: BTreeMap::new(),
            absent: BTreeSet::new(),
            seen_pools: BTreeMap::new(),
        },
        options: PlanOptions::default(),
        interrupted_requests: Vec::new(),
        entries: Vec::new(),
        changes: changes.into_iter().map(|(key, change)| (address(key), change)).collect(),
        unchanged: 12,
        foreign: 1,
        copy_check: CopyCheck::default(),
        groups: Vec::new(),
    }
}

/// Returns a consent to a restart.
fn restart_consent() -> Consent {
    "restart:3f2a9c".parse().unwrap()
}

/// Returns the graph of a project with these manifests.
fn graph_of(more: &str) -> Option<Graph> {
    graph::build(ProjectFixture::new(more).load()).ok()
}

/// Returns a context with two pools and a clock.
fn sample_context() -> PlanContext {
    let pool = |id: &str, current_cfu, max_cfu| PoolUsage { id: id.to_owned(), current_cfu, max_cfu };
    PlanContext {
        pools: BTreeMap::from([
            ("heavy".to_owned(), pool("lfcp-2", 0, 10)),
            ("main".to_owned(), pool("lfcp-1", 14, 20)),
        ]),
        service_time: Some("2026-01-02T12:00:00Z".to_owned()),
        interrupted: None,
        roles: BTreeMap::new(),
        placements: BTreeMap::from([(
            Address::statement("created"),
            DeclaredPlacement {
                pool: Some("main".to_owned()),
                principal: Some("sa-abc123".to_owned()),
                properties: Default::default(),
            },
        )]),
    }
}

/// Returns the text of a plan and checks that every line fits, except those to be copied.
fn plan_at_width(plan: &Plan, width: usize) -> String {
    let context = sample_context();
    let style = Style { width, color: false };
    let text = super::plan_text(&PlanView {
        plan,
        context: &context,
        command: "plan",
        run_flags: &RunFlags::default(),
        verbose: false,
        style,
    });
    for line in text.lines() {
        // Lines that are there to be copied are not wrapped.
        let copied = line.contains("--exclude") || line.contains("/*+ OPTIONS");
        assert!(line.chars().count() <= width || copied, "too wide for {width}: {line}");
    }
    text
}

/// Returns a template with this text.
fn template(text: &str) -> Template {
    Template::new(text)
}

/// Returns a replacement of a generation by the fourth.
fn replace(strategy: Strategy, from: Option<u32>) -> Action {
    Action::Replace { strategy, from: from.map(Generation), to: Generation(4) }
}

/// Returns a change of a `WHERE` clause.
fn sql_changed() -> Reason {
    Reason::SqlChanged {
        before: template("INSERT INTO o\nSELECT order_id, price\nFROM orders\nWHERE mdc_id IN (100, 200)"),
        after: template("INSERT INTO o\nSELECT order_id, price\nFROM orders\nWHERE mdc_id IN (200, 300)"),
    }
}

/// Returns a plan with every action.
fn every_action() -> Plan {
    let again = Note::OutputRepeated { keyed: Some(false) };
    let pool_changed = Reason::PoolChanged { before: Some("lfcp-1".to_owned()), after: "lfcp-2".to_owned() };
    let cfu = Reason::PoolFieldChanged { field: "max_cfu".to_owned(), before: "10".to_owned(), after: "20".to_owned() };
    let ran = |detail: &str| Reason::NeverRan { detail: detail.into() };
    let create = |text: &str, generation| Action::Create { sql: template(text), name: "t-g3".to_owned(), generation };
    let one = |action| Change::new(action, Vec::new());
    plan_of([
        (
            "pools.amended",
            Change::new(Action::UpdatePool { to: PoolUpdate { display_name: None, max_cfu: Some(20) } }, vec![cfu]),
        ),
        ("pools.created", one(Action::CreatePool { max_cfu: 10 })),
        ("pools.deleted", Change::new(Action::Delete { undo: None }, vec![Reason::NotDeclared])),
        (
            "statements.adopted",
            one(Action::Adopt { name: "adopted".to_owned(), generation: Generation(2), retired: Vec::new() }),
        ),
        ("statements.awaited", one(Action::wait(Phase::Stopping, AfterWait::RecordDeclared))),
        ("statements.created", one(create("CREATE TABLE orders (id STRING)", Generation(1)))),
        (
            "statements.created-again",
            one(create(
                "EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT * FROM x; INSERT INTO b SELECT * FROM x; END",
                Generation(3),
            )),
        ),
        ("statements.deleted", Change::new(Action::Delete { undo: None }, vec![Reason::DestroyRequested])),
        (
            "statements.forgotten",
            Change::new(Action::Forget, vec![Reason::NotDeclared])
                .with_note(Note::ObjectsRemain { objects: vec!["orders".to_owned()] }),
        ),
        (
            "statements.gone",
            Change::new(replace(Strategy::FromOffsets, None), vec![Reason::Gone])
                .with_note(Note::StartsAtOffsets { offsets: "partition:0,offset:100".to_owned() }),
        ),
        (
            "statements.gone-too",
            Change::new(replace(Strategy::FromSources, None), vec![Reason::Gone, Reason::ReplaceRequested]),
        ),
        (
            "statements.goes-on",
            Change::new(
                Action::FinishReplacement { to: Generation(4) },
                vec![Reason::LeftoverSuccessor { generation: Generation(4), phase: Some(Phase::Pending) }],
            ),
        ),
        ("statements.held", one(Action::KeepUnsubmitted)),
        (
            "statements.never-ran",
            Change::new(replace(Strategy::NeverRan, Some(3)), vec![ran("Table 'x' not found"), sql_changed()]),
        ),
        ("statements.recorded", one(Action::RecordSettings)),
        (
            "statements.redefined",
            Change::new(replace(Strategy::Redefine, Some(3)), vec![sql_changed()])
                .with_note(Note::StaleReaders { readers: vec![Address::statement("reader")] }),
        ),
        ("statements.replaced", Change::new(replace(Strategy::Restart, Some(3)), vec![sql_changed()]).with_note(again)),
        ("statements.restarted", Change::new(Action::restart(PlacementChange::default()), vec![pool_changed])),
        (
            "statements.started",
            Change::new(
                Action::resume(PlacementChange::default(), RecordedSettings::Declared),
                vec![Reason::StoppedChanged { to: false }],
            ),
        ),
        ("statements.stopped", Change::new(Action::Stop, vec![Reason::StoppedChanged { to: true }])),
        (
            "statements.taken-back",
            Change::new(Action::RollBackReplacement { from: Generation(4) }, vec![Reason::LeftoverUndo]),
        ),
        (
            "statements.undone",
            Change::new(Action::Delete { undo: Some(template("DROP TABLE orders")) }, vec![Reason::NotDeclared]),
        ),
    ])
}

/// Returns a plan with every block.
fn every_block() -> Plan {
    let text = |text: &str| text.to_owned();
    let accept = restart_consent;
    let hints =
        BTreeMap::from([(text("orders"), text("partition:0,offset:7")), (text("users"), text("partition:0,offset:9"))]);
    let blocks = [
        ("pools.exists", Block::PoolExists { id: text("lfcp-9") }),
        (
            "pools.carries",
            Block::PoolHasStatements { statements: vec![Address::statement("a"), Address::statement("b")] },
        ),
        ("pools.failed", Block::PoolFailed { id: text("lfcp-9") }),
        ("pools.in-use", Block::PoolInUse { statements: vec![text("theirs")], current_cfu: 3 }),
        ("pools.in-use-unseen", Block::PoolInUse { statements: Vec::new(), current_cfu: 3 }),
        ("pools.missing", Block::PoolMissing { id: text("lfcp-9") }),
        (
            "pools.moved",
            Block::PoolFieldImmutable { field: text("region"), live: text("us-east-1"), desired: text("eu-west-1") },
        ),
        ("pools.elsewhere", Block::PoolElsewhere { id: text("lfcp-3"), cloud: text("AWS"), region: text("eu-west-1") }),
        ("pools.renamed", Block::LooksLikeRename { from: Address::pool("main"), to: Address::pool("renamed") }),
        ("statements.cannot-stop", Block::CannotStop),
        ("statements.data-loss", Block::DataLoss { undo: template("DROP TABLE orders") }),
        ("statements.failed", Block::FailedPredecessor { detail: "Table 'x' not found".into(), accept: accept() }),
        (
            "statements.failed-next",
            Block::FailedSuccessor { name: text("s-g2"), detail: "boom".into(), accept: accept(), can_roll_back: true },
        ),
        ("statements.gone", Block::GoneWithoutOffsets { accept: accept() }),
        (
            "statements.gone-theirs",
            Block::GoneWithUnknownSource {
                source: "lake.theirs".to_owned(),
                hints: BTreeMap::from([("theirs".to_owned(), "partition:0,offset:7".to_owned())]),
                accept: accept(),
            },
        ),
        (
            "statements.gone-sink",
            Block::GoneWithUnknownSink {
                sink: "lake.theirs".to_owned(),
                hints: BTreeMap::from([("orders".to_owned(), "partition:0,offset:7".to_owned())]),
                accept: accept(),
            },
        ),
        (
            "statements.gone-starts",
            Block::GoneWithStartupOption { source: "orders".to_owned(), hints: BTreeMap::new(), accept: accept() },
        ),
        ("statements.gone-several", Block::GoneWithSeveralSources { hints, accept: accept() }),
        ("statements.if-not-exists", Block::IfNotExists),
        ("statements.in-motion", Block::InMotion { phase: Phase::Stopping }),
        (
            "statements.in-flight",
            Block::RequestInFlight {
                operation: Box::new(crate::resource::Operation::Delete { name: text("s"), uid: text("u") }),
                seconds_left: 138,
            },
        ),
        ("statements.in-use", Block::ObjectsInUse { by: vec![text("statements.reader"), text("theirs")] }),
        ("statements.loses", Block::LosesOffsets { stateful_construct: Some(text("GROUP BY")), accept: accept() }),
        ("statements.loses-position", Block::LosesOffsets { stateful_construct: None, accept: accept() }),
        ("statements.manual", Block::EvolveIsManual { accept: accept() }),
        ("statements.moved-away", Block::MoveTargetRecorded { from: Address::statement("moved-away") }),
        ("statements.moved-onto", Block::MoveTargetRecorded { from: Address::statement("before") }),
        ("statements.name-in-use", Block::NameInUse { name: text("j"), by: Address::statement("other") }),
        ("statements.no-undo", Block::NoUndo),
        ("statements.not-ours", Block::ForeignStatement { name: text("not-ours"), import: ImportMode::AsIs }),
        ("statements.two-copies", Block::TwoCopies { predecessor: text("s"), successor: text("s-g2") }),
        (
            "statements.undo-needs-pool",
            Block::UndoNeedsPool {
                undo: template("DROP TABLE orders"),
                pool: Address::pool("main"),
                is_declared: true,
            },
        ),
        ("statements.pool-blocked", Block::PoolBlocked { pool: Address::pool("exists") }),
        ("statements.prevented", Block::PreventDestroy),
        (
            "statements.recorded",
            Block::RecordedUnderOtherAddress {
                name: text("j"),
                from: Address::statement("before"),
                to: Address::statement("recorded"),
            },
        ),
        (
            "statements.recreated",
            Block::RecreatedOutside {
                name: text("recreated"),
                if_deleted: AfterDeletion::ResubmitWithConsent(accept()),
                import: ImportMode::AsDeclared,
            },
        ),
        (
            "statements.recreated-as",
            Block::RecreatedOutside {
                name: text("as"),
                if_deleted: AfterDeletion::Blocked,
                import: ImportMode::Refused,
            },
        ),
        (
            "statements.recreated-def",
            Block::RecreatedOutside { name: text("def"), if_deleted: AfterDeletion::Nothing, import: ImportMode::AsIs },
        ),
        ("statements.removes-all", Block::RemovesEverything),
        (
            "statements.renamed",
            Block::LooksLikeRename { from: Address::statement("one"), to: Address::statement("other") },
        ),
        ("statements.differs", Block::AdoptionDiffers { name: text("differs"), import: ImportMode::AsIs }),
        (
            "statements.copied",
            Block::Copy {
                name: text("workspace-1"),
                has_same_sql: true,
                labeled_as: Some(Address::statement("before")),
                import: ImportMode::AsDeclared,
                accept: "copy:3f2a9c".parse().unwrap(),
            },
        ),
        (
            "statements.shares-sink",
            Block::Copy {
                name: text("older"),
                has_same_sql: false,
                labeled_as: Some(Address::statement("older")),
                import: ImportMode::Refused,
                accept: "copy:3f2a9c".parse().unwrap(),
            },
        ),
        (
            "statements.stale",
            Block::StateOlderThanCloud {
                names: vec![text("stale-g2"), text("stale-g3")],
                import: Some((text("stale-g3"), ImportMode::AsIs)),
            },
        ),
        (
            "statements.stale-removed",
            Block::StateOlderThanCloud { names: vec![text("stale-removed-g2")], import: None },
        ),
        ("statements.taken-over", Block::AdoptedDefinition),
        ("statements.several", Block::UnexpectedGenerations { names: vec![text("a"), text("a-g2")] }),
        ("statements.table-job", Block::CannotReplaceCreateTableAs),
        ("statements.was-job", Block::JobCannotBecomeDefinition),
        ("statements.unclear", Block::UnclearIntent { why: text("the list does not show `a`") }),
        ("statements.unknown", Block::PresenceUnknown { why: text("403: a role is missing") }),
    ];
    plan_of(blocks.map(|(address, block)| {
        let unhealthy = matches!(
            block,
            Block::RecreatedOutside { .. }
                | Block::UnexpectedGenerations { .. }
                | Block::StateOlderThanCloud { .. }
                | Block::UnclearIntent { .. }
        );
        (address, Change { unhealthy, ..Change::blocked(block) })
    }))
}

/// Returns a plan with every note and every reason.
fn every_note_and_reason() -> Plan {
    let text = |text: &str| text.to_owned();
    let note = |note| Change::new(Action::Inform, Vec::new()).with_note(note);
    let moved = || (text("pool"), text("lfcp-2"), text("lfcp-1"));
    let unhealthy = |found| Change { unhealthy: true, ..note(found) };
    let (field, live, sent) = moved();
    let reasons = vec![
        Reason::PropertyChanged { key: text("sql.state-ttl"), before: None, after: Some(template("7 d")) },
        Reason::PropertyChanged {
            key: text("sql.secrets.k"),
            before: Some(template("${secret.a}")),
            after: Some(template("${secret.b}")),
        },
        Reason::SecretChanged { name: text("openai") },
        Reason::PoolChanged { before: None, after: text("heavy") },
        Reason::PrincipalChanged { before: None, after: text("sa-1") },
        Reason::Failed { detail: "boom".into() },
        Reason::CompletedUnexpectedly,
        Reason::StoppedOutside,
        Reason::ResumedOutside,
        Reason::MovedOutside { field, live, sent },
        Reason::StoppedByInterruptedRun,
    ];
    let (field, live, sent) = moved();
    plan_of([
        ("pools.lowered", note(Note::CannotLowerMaxCfu { live: 20, desired: 10 })),
        ("pools.trusted", note(Note::UnverifiedPool)),
        ("pools.twins", unhealthy(Note::DuplicatePools { ids: vec![text("lfcp-9")] })),
        (
            "pools.with",
            Change::new(Action::CreatePool { max_cfu: 5 }, vec![Reason::Gone])
                .with_note(Note::StoppedWithPool { statements: vec![Address::statement("a")] }),
        ),
        ("statements.degraded", unhealthy(Note::Degraded { detail: "slow".into() })),
        ("statements.copied-before", note(Note::InactiveCopies { names: vec![text("workspace-1")] })),
        ("statements.copied-twice", unhealthy(Note::RunsTwice { names: vec![text("workspace-1")] })),
        ("statements.generates", note(Note::GeneratingCopies { names: vec![text("workspace-1")] })),
        ("statements.due", note(Note::DueAtNextStart { fields: vec![text("sql"), text("pool")] })),
        ("statements.ended", unhealthy(Note::CompletedUnexpectedly)),
        (
            "statements.failed",
            unhealthy(Note::Failed { detail: "Table 'x' not found".into(), since: Some(text("2026-01-02T09:00:00Z")) }),
        ),
        ("statements.exhausted", unhealthy(Note::PoolExhausted)),
        ("statements.gone", unhealthy(Note::GoneWithUnknownOffsets)),
        ("statements.in-motion", note(Note::InMotion { phase: Phase::Pending })),
        ("statements.moved", unhealthy(Note::MovedOutside { field, live, sent })),
        ("statements.named", note(Note::RenamedAtNextGeneration { current_name: text("before") })),
        ("statements.offsets", note(Note::OffsetsOnlyInState)),
        ("statements.parked", note(Note::ReplaceIgnoredWhileStopped)),
        (
            "statements.reasons",
            Change {
                unhealthy: true,
                ..Change::new(Action::resume(PlacementChange::default(), RecordedSettings::Declared), reasons)
            },
        ),
        (
            "statements.removed",
            note(Note::PreviouslyRemoved {
                topics: BTreeMap::from([(text("orders"), text("partition:0,offset:180"))]),
            }),
        ),
        ("statements.resumed", unhealthy(Note::ResumedOutside)),
        ("statements.written", note(Note::StartsWhereSqlSays)),
        ("statements.wanted", note(Note::SecretMissing { name: text("openai") })),
        ("statements.wrote", note(Note::SuccessorOutputRemains { name: text("wrote-g2") })),
        ("statements.resuming", note(Note::InMotion { phase: Phase::Stopped })),
        ("statements.secret", note(Note::SecretNotCompared { name: text("openai") })),
        (
            "statements.stood",
            unhealthy(Note::GoneWithUncertainOffsets {
                topics: BTreeMap::from([(text("orders"), text("partition:0,offset:180"))]),
            }),
        ),
        ("statements.stopped", unhealthy(Note::StoppedOutside)),
        ("statements.to-decide", note(Note::ChangesLeftForNextPlan { fields: vec![text("sql")] })),
        (
            "statements.warned",
            note(Note::ServiceWarning { severity: "CRITICAL".into(), message: "state is large".into() }),
        ),
        ("statements.z-cosmetic", note(Note::CosmeticSqlChange)),
    ])
}

#[test]
fn every_action_is_worded() {
    insta::assert_snapshot!(plan_at_width(&every_action(), 80));
}

#[test]
fn every_block_is_worded() {
    insta::assert_snapshot!(plan_at_width(&every_block(), 80));
}

#[test]
fn every_note_and_reason_is_worded() {
    insta::assert_snapshot!(plan_at_width(&every_note_and_reason(), 80));
}

#[test]
fn the_suggested_command_repeats_selection_and_consents() {
    let mut plan = every_action();
    plan.changes.insert(Address::statement("blocked"), Change::blocked(Block::CannotReplaceCreateTableAs));
    let of = |address: &str| std::collections::BTreeSet::from([address.parse::<Address>().unwrap()]);
    let (targets, excludes, replace) = (of("statements.blocked"), of("statements.other"), of("statements.replaced"));
    plan.options = PlanOptions { destroy: false, targets, excludes, replace, allow_data_loss: true, fix_drift: true };
    let (context, style) = (sample_context(), Style { width: 80, color: false });
    let run_flags = &RunFlags::new("shop".as_ref(), &[("q".to_owned(), "1".to_owned())]);
    let text = super::plan_text(&PlanView {
        plan: &plan,
        context: &context,
        command: "apply",
        run_flags,
        verbose: false,
        style,
    });
    let line = "  floe apply -e prod -C shop --var 'q=1' --target statements.blocked --exclude statements.other --exclude \
                statements.blocked --replace statements.replaced --allow-data-loss --fix-drift\n";
    assert!(text.ends_with(line), "{text}");
    // Removing the users of a statement and keeping the statement was not requested.
    plan.options.destroy = true;
    let view = PlanView { plan: &plan, context: &context, command: "destroy", run_flags, verbose: false, style };
    assert!(super::plan_text(&view).ends_with("\nApply is disabled while changes are blocked.\n"));
}

#[test]
fn a_consent_says_whether_rows_are_overwritten_or_appended_twice() {
    let text = |keyed| {
        let keeps = Block::LosesOffsets { stateful_construct: None, accept: restart_consent() };
        plan_at_width(
            &plan_of([("statements.a", Change::blocked(keeps).with_note(Note::OutputRepeated { keyed }))]),
            200,
        )
    };
    assert!(
        text(Some(true)).contains("restarts it from the beginning of its sources: keyed rows are overwritten."),
        "{}",
        text(Some(true))
    );
    assert!(text(Some(false)).contains("restarts it from the beginning of its sources: appended rows are duplicated."));
    assert_eq!(text(None).matches("duplicated").count(), 1, "{}", text(None));
}

#[test]
fn a_consent_says_if_the_sql_fixes_where_the_job_starts() {
    let keeps = Block::LosesOffsets { stateful_construct: None, accept: restart_consent() };
    let hints = BTreeMap::new();
    let several = Block::GoneWithSeveralSources { hints, accept: restart_consent() };
    let plan = plan_of([
        ("statements.a", Change::blocked(keeps).with_note(Note::StartsWhereSqlSays)),
        ("statements.b", Change::blocked(several).with_note(Note::StartsWhereSqlSays)),
    ]);
    let text = plan_at_width(&plan, 200);
    assert_eq!(text.matches("starts it where its SQL or properties say").count(), 2, "{text}");
    assert!(!text.contains("duplicated") && !text.contains("Set the starting offsets"), "{text}");
}

#[test]
fn prevent_destroy_on_a_removed_statement_asks_to_declare_it_again() {
    let text = plan_at_width(
        &plan_of([("statements.copy", Change::blocked_by_prevent_destroy(Reason::NotDeclared, true))]),
        200,
    );
    assert!(text.contains("Declare `[statements.copy]` again without `prevent_destroy`, apply that"), "{text}");
}

#[test]
fn a_plan_without_a_width_has_one_line_for_each_sentence() {
    let text = plan_at_width(&every_note_and_reason(), Style::UNLIMITED);
    let sentences = text.lines().filter(|line| line.starts_with("      ") && !line.contains("│"));
    // A wrapped line ends in the middle of a sentence.
    assert!(sentences.clone().any(|line| line.chars().count() > 150), "{text}");
    for line in sentences {
        assert!(line.ends_with(['.', ':', '"', '`', '/', ')']), "{line}");
    }
}

#[test]
fn a_long_difference_is_wrapped_below_itself() {
    let environment = ProjectFixture::new("").load().environment;
    let (address, difference) = (Address::statement("orders"), "word ".repeat(30));
    let rows = [DriftRow { address, difference, is_reverted: true, help: None }];
    let text = super::drift_text(&environment, &rows, &RunFlags::default(), Style { width: 80, color: false });
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("word")).collect();
    assert_eq!(lines.len(), 3, "{text}");
    let indent = lines[0].find("word").unwrap();
    assert!(lines.iter().all(|line| line.find("word") == Some(indent) && line.chars().count() <= 80), "{text}");
}

#[test]
fn plans_fit_every_terminal_width() {
    for plan in [every_action(), every_block(), every_note_and_reason()] {
        for width in [80, 100, 120] {
            plan_at_width(&plan, width);
        }
    }
}

#[test]
fn of_many_pools_those_with_the_least_free_cfu_are_named() {
    let pool = |number: u32| {
        let now = PoolUsage { id: format!("lfcp-{number}"), current_cfu: number, max_cfu: 50 };
        (format!("pool-{number:02}"), now)
    };
    let cfu_line_of =
        |pools: u32| super::plan::cfu_line(&PlanContext { pools: (0..pools).map(pool).collect(), ..sample_context() });
    assert_eq!(
        cfu_line_of(10).as_deref(),
        Some(
            "CFU in use: pool-05 5 of 50, pool-06 6 of 50, pool-07 7 of 50, pool-08 8 of 50, pool-09 9 of 50, \
             5 other pools 10 of 250"
        )
    );
    assert!(cfu_line_of(6).is_some_and(|line| line.ends_with("pool-05 5 of 50")));
    assert_eq!(cfu_line_of(0), None);
}

#[test]
fn identical_changes_are_shown_as_one_entry() {
    let reason = Reason::PoolChanged { before: Some("lfcp-1".to_owned()), after: "lfcp-2".to_owned() };
    let names: Vec<String> = (1..=48).map(|number| format!("statements.job-{number}")).collect();
    let mut plan = plan_of([]);
    for name in names {
        plan.changes.insert(
            name.parse().unwrap(),
            Change::new(Action::restart(PlacementChange::default()), vec![reason.clone()]),
        );
    }
    insta::assert_snapshot!(plan_at_width(&plan, 80));
}

#[test]
fn a_plan_reports_what_became_of_an_interrupted_run() {
    let mut plan = plan_of([]);
    let operation = crate::resource::Operation::DeletePool { id: "lfcp-1".to_owned() };
    let intent = |number: u32| crate::resource::Intent {
        id: crate::resource::IntentId(format!("r-{number}")),
        address: Address::pool("main"),
        operation: operation.clone(),
        sent_at: None,
    };
    let found = |number, applied| crate::settle::InterruptedRequest { intent: intent(number), applied };
    plan.interrupted_requests = vec![found(1, true), found(2, true), found(3, false)];
    let context = PlanContext {
        interrupted: Some(InterruptedRun { command: "apply".to_owned(), seconds_ago: Some(840) }),
        ..sample_context()
    };
    let style = Style { width: 80, color: false };
    let view = PlanView {
        plan: &plan,
        context: &context,
        command: "plan",
        run_flags: &RunFlags::default(),
        verbose: false,
        style,
    };
    let text = super::plan_text(&view);
    assert!(text.contains("2 steps of the interrupted apply from 14 min ago took effect and are recorded."), "{text}");
    assert!(text.contains("1 step of the interrupted apply from 14 min ago did not take effect"), "{text}");
}

#[test]
fn colored_output_differs_only_by_color_codes() {
    let (plan, context) = (every_block(), sample_context());
    let text = |color| {
        let style = Style { width: 80, color };
        super::plan_text(&PlanView {
            plan: &plan,
            context: &context,
            command: "plan",
            run_flags: &RunFlags::default(),
            verbose: true,
            style,
        })
    };
    let mut plain = String::new();
    let mut rest = text(true);
    assert!(rest.contains('\u{1b}'));
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        plain.push_str(before);
        rest = after.split_once('m').unwrap().1.to_owned();
    }
    plain.push_str(&rest);
    assert_eq!(plain, text(false));
}

#[test]
fn a_markdown_comment_keeps_its_limit_and_names_what_is_left_out() {
    let mut plan = every_action();
    for number in 0..2_000 {
        let long = format!("CREATE TABLE t{number} ({})", "a STRING, ".repeat(20));
        let action = Action::Create { sql: template(&long), name: format!("t{number}"), generation: Generation(1) };
        plan.changes.insert(Address::statement(format!("t{number}")), Change::new(action, Vec::new()));
    }
    let (context, style) = (sample_context(), Style::default());
    let text = super::plan_markdown(&PlanView {
        plan: &plan,
        context: &context,
        command: "plan",
        run_flags: &RunFlags::default(),
        verbose: false,
        style,
    });
    assert!(text.chars().count() < 60_000, "{}", text.chars().count());
    assert!(
        text.contains("Omitted to keep this comment short") && text.contains("more. `floe plan` shows everything.")
    );
    assert_eq!(text.matches("<details").count(), text.matches("</details>").count());
}

#[test]
fn a_markdown_comment_cuts_sql_before_headings_reasons_and_options() {
    let long_line = format!("INSERT INTO t SELECT {} FROM s", "x, ".repeat(50_000));
    let many_lines: String = (0..5_000).map(|at| format!("-- line {at}\n")).collect();
    let changed = |before: String, after: String| {
        let reason = Reason::SqlChanged { before: template(&before), after: template(&after) };
        let accept = restart_consent();
        Change::new(
            Action::Blocked { by: vec![Block::LosesOffsets { stateful_construct: None, accept }] },
            vec![reason],
        )
    };
    let all_new = |text: &str| text.replace("line", "other").replace("x, ", "y, ");
    let plan = plan_of([
        ("statements.first", changed(many_lines.clone(), all_new(&many_lines))),
        ("statements.line", changed(long_line.clone(), all_new(&long_line))),
        ("statements.other", changed(many_lines.clone(), all_new(&many_lines))),
    ]);
    let (context, style) = (sample_context(), Style::default());
    let text = super::plan_markdown(&PlanView {
        plan: &plan,
        context: &context,
        command: "plan",
        run_flags: &RunFlags::default(),
        verbose: false,
        style,
    });
    assert!(text.chars().count() < 60_000, "{}", text.chars().count());
    for key in ["first", "line", "other"] {
        assert!(text.contains(&format!("<b>statements.{key}</b> BLOCKED: its SQL changed")), "{key}");
    }
    assert_eq!(text.matches("`accept = \"restart:3f2a9c\"`").count(), 3);
    assert!(text.contains("The SQL is cut") && !text.contains("Omitted"), "{}", text.len());
    assert_eq!(text.matches("```").count() % 2, 0);
}

/// Texts of statements, one for each role, with the word that only its role may use.
const STATEMENTS_BY_ROLE: [&str; 8] = [
    "INSERT INTO t SELECT x FROM s",
    "EXECUTE STATEMENT SET BEGIN INSERT INTO t VALUES (1); END",
    "INSERT INTO t VALUES (1)",
    "CREATE TABLE t AS SELECT x FROM s",
    "CREATE TABLE t (x INT)",
    "ALTER TABLE t ADD (y INT)",
    "ALTER MODEL m SET ('a' = 'b')",
    "DROP TABLE t",
];

#[test]
fn every_action_is_worded_for_every_kind_of_statement() {
    let undo = || Some(template("DROP TABLE t"));
    let replace = |strategy| Action::Replace { strategy, from: Some(Generation(1)), to: Generation(2) };
    let remain =
        |action| Change::new(action, vec![Reason::NotDeclared]).with_note(Note::ObjectsRemain { objects: vec![] });
    let again = |action| Change::new(action, vec![]).with_note(Note::OutputRepeated { keyed: Some(false) });
    let changes = [
        Change::new(Action::Delete { undo: None }, vec![Reason::NotDeclared]),
        Change::new(Action::Delete { undo: undo() }, vec![Reason::NotDeclared]),
        remain(Action::Forget),
        Change::new(Action::Stop, vec![]),
        Change::new(Action::resume(PlacementChange::default(), RecordedSettings::Declared), vec![]),
        Change::new(Action::restart(PlacementChange::default()), vec![]),
        again(replace(Strategy::Restart)),
        again(replace(Strategy::FromSources)),
        Change::new(replace(Strategy::NeverRan), vec![]),
    ];
    let mut drawn = String::new();
    for sql in STATEMENTS_BY_ROLE {
        let plan = plan_of([]);
        let mut plan = Plan { unchanged: 0, foreign: 0, ..plan };
        let mut context = PlanContext::default();
        for (number, change) in changes.iter().enumerate() {
            let address = Address::statement(format!("s{number}"));
            context.roles.insert(address.clone(), StatementRole::of(&crate::sql::analyze(sql)));
            plan.changes.insert(address, change.clone());
        }
        let style = Style { width: 120, color: false };
        let view = PlanView {
            plan: &plan,
            context: &context,
            command: "plan",
            run_flags: &RunFlags::default(),
            verbose: false,
            style,
        };
        let text = plan_text(&view);
        let lines = text.lines().filter(|line| line.starts_with("  ")).collect::<Vec<_>>().join("\n");
        let is_job = sql.contains("FROM s");
        for words in ["offsets", "its sources", "Readers of", "readers see"] {
            assert!(is_job || !lines.contains(words), "{sql}: {words}\n{lines}");
        }
        assert!(!lines.contains(": ."), "{sql}\n{lines}");
        drawn.push_str(&format!("{sql}\n{lines}\n\n"));
    }
    assert!(drawn.contains("The table keeps this change.") && drawn.contains("The model keeps this change."));
    insta::assert_snapshot!(drawn);
}

#[test]
fn a_blocked_statement_of_constants_has_no_sources() {
    let accept = restart_consent();
    let block = Block::LosesOffsets { stateful_construct: None, accept };
    let reason =
        Reason::SqlChanged { before: template("INSERT INTO t SELECT 1"), after: template("INSERT INTO t SELECT 2") };
    let change = Change::new(Action::Blocked { by: vec![block] }, vec![reason])
        .with_note(Note::OutputRepeated { keyed: Some(false) });
    let plan = plan_of([("statements.rows", change)]);
    let role = StatementRole::of(&crate::sql::analyze("INSERT INTO t SELECT 2"));
    let context = PlanContext { roles: [(Address::statement("rows"), role)].into(), ..PlanContext::default() };
    let style = Style { width: 200, color: false };
    let view = PlanView {
        plan: &plan,
        context: &context,
        command: "plan",
        run_flags: &RunFlags::default(),
        verbose: false,
        style,
    };
    let text = plan_text(&view);
    assert!(text.contains("the new version would write its rows again"), "{text}");
    assert!(
        text.contains("`accept = \"restart:3f2a9c\"` writes its rows again: appended rows are duplicated."),
        "{text}"
    );
    assert!(!text.contains("sources"), "{text}");
}

#[test]
fn plan_json_parses_back_to_the_plan() {
    for plan in [every_action(), every_block(), every_note_and_reason()] {
        let text = saved_plan_json(&plan, &graph_of("").unwrap(), &sample_context(), "abc").unwrap();
        assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
        assert!(text.contains("\"id\": \"abc\"") && text.contains("\"current_cfu\": 14"));
    }
}

#[test]
fn a_failure_takes_precedence_over_an_interrupt_in_the_run_result() {
    use crate::{
        execute::{RunReport, RunResult, StepFailure},
        resource::HashKey,
        state::Recorded,
    };
    let identity = EnvironmentIdentity::simulated("local", "aws".to_owned(), "us-east-1".to_owned());
    let report = |failed: &[StepFailure]| RunReport {
        recorded: Recorded::new("lineage".to_owned(), identity.clone(), HashKey("key".to_owned())),
        succeeded: Vec::new(),
        failed: failed.iter().map(|failure| (Address::statement("a"), failure.clone())).collect(),
        skipped: Vec::new(),
        not_started: Vec::new(),
        left_stopped: Vec::new(),
        rollback_failed: Vec::new(),
        duplicate_pools: Vec::new(),
        was_interrupted: true,
        ledger_error: None,
    };
    let refused = StepFailure::ChangedSincePlan { name: "a".to_owned(), how: "it no longer exists".to_owned() };
    assert_eq!(RunResult::of(&report(&[])), RunResult::Interrupted);
    assert_eq!(RunResult::of(&report(&[StepFailure::Interrupted])), RunResult::Interrupted);
    let both = report(&[StepFailure::Interrupted, refused]);
    assert_eq!(RunResult::of(&both), RunResult::Failed);
    let rollback_failed = |failure: &StepFailure| RunReport {
        rollback_failed: vec![(Address::statement("a"), failure.clone())],
        ..report(&[StepFailure::Interrupted])
    };
    assert_eq!(RunResult::of(&rollback_failed(&both.failed[1].1)), RunResult::Failed);
    assert_eq!(RunResult::of(&rollback_failed(&StepFailure::Interrupted)), RunResult::Interrupted);
    let text = super::report_text(&both, &plan_of([]), &RunFlags::default(), Style { width: 80, color: false });
    assert!(text.contains("Interrupted, partially applied"), "{text}");
}

#[test]
fn a_plan_that_only_records_names_what_it_records() {
    use crate::state::{Entry, Fact, FurthestPhase};
    let mut plan = plan_of([]);
    let fact = Fact::PhaseReached {
        key: "orders".to_owned(),
        name: "orders".to_owned(),
        reached: FurthestPhase::Completed,
        sql_kind: None,
        bounded: false,
    };
    plan.entries = vec![Entry::FactRecorded { fact }];
    let text = plan_at_width(&plan, 100);
    assert!(text.contains("· only the state changes"), "{text}");
    assert!(text.contains("Nothing to send. To record: statements.orders completed."), "{text}");
    assert!(!text.to_lowercase().contains("no changes"), "{text}");
}

#[test]
fn a_secret_change_is_not_reported_as_an_sql_change() {
    let changed = |name: &str| Reason::SecretChanged { name: name.to_owned() };
    let blocked = |block, reasons| Change::new(Action::Blocked { by: vec![block] }, reasons);
    let keeps = Block::LosesOffsets { stateful_construct: None, accept: restart_consent() };
    let plan = plan_of([
        ("statements.asked", blocked(Block::NoUndo, vec![Reason::ReplaceRequested])),
        ("statements.job", blocked(keeps, vec![changed("a"), changed("b")])),
        ("statements.model", blocked(Block::NoUndo, vec![changed("openai")])),
        ("statements.sql-too", blocked(Block::IfNotExists, vec![changed("openai"), sql_changed()])),
    ]);
    let text = plan_at_width(&plan, 200);
    for head in [
        "statements.asked    BLOCKED: `--replace` was given, and the current definition has no `undo`",
        "statements.job      BLOCKED: the values of secrets `a`, `b` changed, and the new version",
        "statements.model    BLOCKED: the value of secret `openai` changed, and the current definition has no `undo`",
        "statements.sql-too  BLOCKED: its SQL changed, but with `IF NOT EXISTS` it would complete",
    ] {
        assert!(text.contains(head), "{head} is missing in\n{text}");
    }
}

#[test]
fn retry_limits_are_shown_in_round_figures() {
    let error = crate::cloud::Error {
        kind: crate::cloud::ErrorKind::Unreachable,
        method: crate::cloud::Method::GET,
        url: "https://flink.us-east-1.aws.confluent.cloud/x".to_owned(),
        status: None,
        detail: "connection refused".into(),
        request_id: None,
        has_service_body: false,
        help: None,
    };
    for (seconds, expected) in [(7, "7 s"), (59, "60 s"), (61, "70 s"), (120, "2 min"), (300, "5 min")] {
        let max_duration = std::time::Duration::from_secs(seconds);
        let line = retry_line(
            &crate::cloud::RetryNotice { error: error.clone(), max_duration, is_waiting: false },
            Style { width: 120, color: false },
        );
        let rest = ": GET https://flink.us-east-1.aws.confluent.cloud/x: connection refused";
        assert_eq!(line, format!("Retrying for up to {expected}{rest}"));
    }
}

/// Manifests with a declared edge and an inferred one.
const EDGES: &str = "[statements.a]\nsql = \"CREATE TABLE a (x INT)\"\n[statements.b]\nsql = \"INSERT INTO s SELECT x FROM a\"\n\
                     [statements.c]\ndepends_on = [\"statements.b\"]\nsql = \"CREATE TABLE c (x INT)\"\n";

#[test]
fn edges_in_json_say_whether_they_are_inferred_and_where() {
    let graph = graph_of(EDGES).unwrap();
    let place = |value: &serde_json::Value| {
        let bytes = &value["span"];
        let manifest = &graph.project.statements["a"].place.source;
        let text = &manifest.text[bytes[0].as_u64().unwrap() as usize..bytes[1].as_u64().unwrap() as usize];
        (value["file"].as_str().unwrap().to_owned(), value["line"].as_u64().unwrap(), text.to_owned())
    };
    let at = |line: u64, text: &str| ("floe.toml".to_owned(), line, text.to_owned());

    let plan: serde_json::Value =
        serde_json::from_str(&plan_json(&plan_of([]), &graph, &sample_context()).unwrap()).unwrap();
    let edges = plan["beside"]["edges"].as_array().unwrap();
    assert_eq!((edges.len(), &edges[0]["to"], &edges[0]["object"]), (2, &"statements.a".into(), &"a".into()));
    assert_eq!((&edges[0]["inferred"], place(&edges[0])), (&true.into(), at(10, "a")));
    assert_eq!((&edges[1]["from"], &edges[1]["inferred"]), (&"statements.c".into(), &false.into()));
    assert_eq!(place(&edges[1]), at(12, "\"statements.b\""));

    let drawn: serde_json::Value = serde_json::from_str(&graph_json(&lineage(&graph, &[])).unwrap()).unwrap();
    let links: Vec<_> =
        drawn["links"].as_array().unwrap().iter().map(|link| (link["flow"].clone(), place(link))).collect();
    assert!(
        links.contains(&("reads".into(), at(10, "a"))) && links.contains(&("creates".into(), at(8, "a"))),
        "{links:?}"
    );
    assert!(links.contains(&("depends_on".into(), at(12, "\"statements.b\""))), "{links:?}");
}

/// Returns a plan of one change whose group has this step.
fn plan_with_step(change: Change, step: Step) -> Plan {
    let mut plan = plan_of([("statements.created", change)]);
    let address = Address::statement("created");
    plan.groups = vec![StepGroup { address, after: Default::default(), forward: vec![step], rollback: Vec::new() }];
    plan
}

#[test]
fn a_plan_shows_the_properties_of_what_it_creates() {
    let mut context = sample_context();
    let placement = context.placements.get_mut(&Address::statement("created")).unwrap();
    placement.properties =
        [("sql.state-ttl", template("7 d")), ("sql.secrets.key", template("${secret.key}"))].into_iter().collect();
    let create = Action::Create {
        sql: template("CREATE TABLE t (x INT)"),
        name: "created".to_owned(),
        generation: Generation::FIRST,
    };
    let plan = plan_of([("statements.created", Change::new(create, Vec::new()))]);
    let text = super::plan_text(&PlanView {
        plan: &plan,
        context: &context,
        command: "plan",
        run_flags: &RunFlags::default(),
        verbose: false,
        style: Style::default(),
    });
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("Properties: `sql.secrets.key` (sensitive), `sql.state-ttl` '7 d'."), "{text}");
    let json = serde_json::to_string(&context).unwrap();
    assert!(json.contains("\"sql.state-ttl\":\"7 d\""), "{json}");
}

/// Returns a submission of this SQL.
fn submission(sql: &str, role: Role) -> Submission {
    Submission {
        name: "created".to_owned(),
        generation: Generation::FIRST,
        role,
        sql: template(sql),
        properties: Properties::new(),
        added_properties: Properties::new(),
        pool: None,
        principal: Some("sa-evil".to_owned()),
    }
}

/// Returns a step with this request, which records these facts.
fn step(request: StepRequest, facts_on_success: Vec<Fact>) -> Step {
    Step { guard: None, request, until: Until::Nothing, facts_on_success, timeout: 60 }
}

#[test]
fn a_plan_shows_the_undo_that_a_redefinition_runs() {
    let tail = "a".repeat(130);
    for (undo, shown) in
        [("DROP TABLE\n t", "Undo: DROP TABLE t"), (&*format!("DROP TABLE {tail};--x"), "│ + DROP TABLE a")]
    {
        let request = StepRequest::Submit { submission: submission(undo, Role::Undo), pool: None };
        let change = Change::new(replace(Strategy::Redefine, Some(3)), Vec::new());
        let text = plan_text_of(&plan_with_step(change, step(request, Vec::new())), false);
        assert!(text.contains(shown), "{text}");
        assert!(undo.len() < 120 || text.contains(";--x"), "the end of a long undo is shown, too: {text}");
    }
    let long = template(&format!("DROP TABLE {tail};--x"));
    let delete = Change::new(Action::Delete { undo: Some(long) }, vec![Reason::NotDeclared]);
    let text = plan_text_of(&plan_of([("statements.created", delete)]), false);
    assert!(text.contains(";--x"), "{text}");
}

#[test]
fn a_plan_shows_the_principal_and_the_sql_of_what_it_adopts() {
    let sql = format!("INSERT INTO o SELECT {} FROM t -- the end", "x, ".repeat(60));
    let generation = GenerationRecord {
        sent: submission(&sql, Role::Current),
        uid: "u".to_owned(),
        stopped: false,
        reached: FurthestPhase::Running,
        sql_kind: None,
        bounded: false,
        offsets: None,
        adopted: true,
        secrets: Default::default(),
        created_at: None,
    };
    let (retired, replaces_recorded) = (Vec::new(), false);
    let fact =
        Fact::Adopted { key: "created".to_owned(), generation: Box::new(generation), retired, replaces_recorded };
    let action = Action::Adopt { name: "created".to_owned(), generation: Generation::FIRST, retired: Vec::new() };
    let plan = plan_with_step(Change::new(action, Vec::new()), step(StepRequest::RecordOnly, vec![fact]));
    let short = plan_text_of(&plan, false);
    assert!(short.contains("Principal: sa-evil. SQL: INSERT INTO o") && !short.contains("the end"), "{short}");
    assert!(plan_text_of(&plan, true).contains("-- the end"));
    assert!(serde_json::to_string(&plan).unwrap().contains("-- the end"));
}

/// Returns the text of a plan at 80 columns.
fn plan_text_of(plan: &Plan, verbose: bool) -> String {
    let (context, style, run_flags) = (sample_context(), Style::default(), &RunFlags::default());
    super::plan_text(&PlanView { plan, context: &context, command: "plan", run_flags, verbose, style })
}
