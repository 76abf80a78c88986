//! Rows of what waits, what is gone and what nobody can tell of.

use super::*;

#[test]
fn what_waits_to_run_can_be_stopped_and_moved() {
    let moved = copy("principal = \"sa-1\"\n");
    let principal = "PrincipalChanged { before: None, after: \"sa-1\" }";
    for phase in [Phase::Pending, Phase::Stopped] {
        let waits = || converged().phase("copy", phase.clone());
        assert_eq!(waits().desired(&copy("stopped = true\n")).says(), "copy Stop [StoppedChanged { to: true }] []");
        assert_eq!(waits().desired(&moved).says(), format!("copy Restart [{principal}] []"));
    }
    let never = converged().phase("copy", Phase::Pending).current("copy", |it| it.reached = FurthestPhase::Submitted);
    let says = never.desired(&moved).says();
    assert_eq!(says, format!("copy Replace NeverRan g1 -> g2 [NeverRan {{ detail: \"\" }}, {principal}] []"));
}

#[test]
fn a_job_whose_pool_is_gone_stands_still_whatever_it_is_asked() {
    let asked = converged().live("copy", |live| (live.phase, live.pool) = (Phase::Stopped, Some("lfcp-9".to_owned())));
    assert_eq!(asked.diff().asks.pools, BTreeSet::from(["lfcp-9".to_owned()]));
    assert_eq!(asked.says(), "copy Note [] [StoppedOutside]");
}

#[test]
fn nothing_starts_or_goes_while_a_generation_is_unknown() {
    let changed = copy("evolve = \"restart\"\n").replace("SELECT id FROM", "SELECT id + 1 FROM");
    let with = |place: fn(&mut StatementRecord, GenerationRecord)| {
        let mut scene = converged();
        let record = scene.recorded.statements.get_mut("copy").unwrap();
        let mut other = GenerationRecord::clone(record.current.as_ref().unwrap());
        (other.sent.name, other.uid) = ("copy-g2".to_owned(), "uid-g2".to_owned());
        place(record, other);
        scene.unknown.push("copy-g2".to_owned());
        scene
    };
    let retired = || with(|record, other| record.retired.push(other));
    let successor = || with(|record, other| record.successor = Some(Box::new(other)));
    for scene in [retired(), successor()] {
        assert!(scene.desired(TABLE).says().starts_with("copy BLOCKED [Unknown"));
    }
    assert!(retired().desired(&changed).says().starts_with("copy BLOCKED [Unknown"));
    assert!(successor().says().starts_with("copy BLOCKED [Unknown"));
    let resumed = retired().stopped("copy").desired(&copy("on_stopped = \"resume\"\n"));
    assert!(resumed.says().starts_with("copy BLOCKED [Unknown"), "{}", resumed.says());
    // What runs, and is as it should be, goes on.
    assert_eq!(retired().says(), "");
}

#[test]
fn what_is_to_stand_still_is_not_replaced_and_says_so() {
    let asked = |scene: Scene| {
        scene
            .current("copy", |current| current.stopped = true)
            .desired(&copy("stopped = true\n"))
            .request(|request| request.replace.extend([Address::statement("copy")]))
    };
    assert_eq!(asked(converged().stopped("copy")).says(), "copy Record [] [NotReplaced]");
    assert!(asked(converged().gone("copy")).says().ends_with("NotReplaced]"));
    assert!(asked(converged().phase("copy", Phase::Failed)).says().ends_with("NotReplaced]"));
}

#[test]
fn a_parked_job_that_is_gone_is_told() {
    let gone = |stopped: bool, offsets: Option<Offsets>| {
        converged()
            .gone("copy")
            .current("copy", |current| (current.stopped, current.offsets) = (stopped, offsets))
            .desired(&copy("stopped = true\n"))
            .says()
    };
    let topics = BTreeMap::from([("orders".to_owned(), "partition:0,offset:7".to_owned())]);
    let offsets = || Some(Offsets { topics: topics.clone(), taken_at: None });
    assert_eq!(gone(true, offsets()), "copy Record [] [OffsetsOnlyHere]");
    assert!(gone(false, offsets()).starts_with("copy Record [] [StoodWhenStoppedOutside"));
    assert_eq!(gone(true, None), "copy Record [] [GoneFromNowhere]");
    assert_eq!(gone(false, None), "copy Record [] [GoneFromNowhere]");
}
