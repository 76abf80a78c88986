//! Killed at every request's boundary with `FLOE_CRASH=all`, at some of them without.

use super::*;
use crate::program::{SIDES, Side};

#[derive(Debug, Clone, Copy)]
struct Case {
    stage: usize,
    kill: Kill,
    /// How much further the next kill of this kind is; none if this is the only one.
    stride: Option<usize>,
}

/// One life, killed once; everything holds at the end of it. Whether it was killed at all.
async fn life(case: &Case, figures: &mut Figures) -> Result<bool, Problem> {
    let scene = Scene::before(case.stage).await?;
    figures.runs += 1;
    let run = scene.run(&[], Some(case.kill)).await;
    if !run.killed {
        run.went_well()?;
    } else if run.code.is_some() {
        return Err(format!("killed, and yet exit code {:?}:\n{}", run.code, run.said));
    } else {
        figures.cuts += 1;
        scene.nothing_is_lost(figures).await?;
    }
    scene.comes_to_its_end(figures).await?;
    Ok(run.killed)
}

#[test]
fn nothing_is_lost_or_orphaned_when_the_program_is_killed_at_a_request() {
    let cases = match is_everything() {
        true => {
            let each = |stage| SIDES.map(|side| Case { stage, kill: Kill { at: 0, side }, stride: Some(1) });
            (0..STAGES.len()).flat_map(each).collect()
        }
        false => [(9, Side::BeforeReading), (13, Side::AfterEffect), (19, Side::MidAnswer), (31, Side::AfterEffect)]
            .map(|(at, side)| Case { stage: 1, kill: Kill { at, side }, stride: None })
            .to_vec(),
    };
    let (mut figures, kills) = (Figures::default(), Mutex::new(Vec::new()));
    let problems = side_by_side(cases, &mut figures, |case, runtime, figures| {
        let lived = runtime.block_on(life(case, figures));
        // How many requests there are differs from run to run: it ends where a run came to its end before.
        let next = case.stride.filter(|_| !matches!(lived, Ok(false)));
        let next = next.map(|stride| Case { kill: Kill { at: case.kill.at + stride, ..case.kill }, ..*case });
        if !matches!(lived, Ok(false)) {
            kills.lock().unwrap().push(case.kill.side);
        }
        let place = |why| format!("stage `{}`, {:?}: {why}", STAGES[case.stage].name, case.kill);
        (lived.map(drop).map_err(place), next.filter(|next| next.kill.at < 1_000))
    });
    assert!(figures.cuts > 0 || !problems.is_empty(), "nothing was killed");
    let kills = kills.into_inner().unwrap();
    let by_side = SIDES.map(|side| format!("{side:?} {}", kills.iter().filter(|kill| **kill == side).count()));
    println!("the program, killed at its requests: {}", by_side.join(", "));
    show("the program, killed at its requests", &figures, &problems);
}

/// A saved plan is used once its run has begun. After a kill the same command says so, and what goes on from there.
#[tokio::test]
async fn a_saved_plan_whose_run_is_killed_was_begun_and_apply_goes_on() {
    let files = [("statements/s.toml", "[statements.t]\nsql = \"CREATE TABLE t (id STRING)\"\n"), ("pools.toml", MAIN)];
    let world = World::with(&files, options());
    let run = async |is_killed: bool, arguments: &[&str]| {
        let (folder, service) = (world.folder.path(), Service::of(&world.simulator, None).await);
        if is_killed {
            service.kill_at(Sent::changes);
        }
        fs::write(folder.join("floe.toml"), program::manifest(&service.origin, "")).unwrap();
        let ended = service.run(program::floe(folder, &[], arguments)).await;
        let (out, err) = program::said(folder);
        (ended.status.code(), service.sent().iter().any(Sent::changes), program::words(&(out + &err)))
    };
    assert_eq!(run(false, &["plan", "--out", "the.plan"]).await.0, Some(0));
    let (code, changes, said) = run(true, &["apply", "the.plan"]).await;
    assert_eq!((code, changes), (None, true), "{said}");
    let (code, changes, said) = run(false, &["apply", "the.plan"]).await;
    assert_eq!((code, changes), (Some(1), false), "{said}");
    assert!(said.contains("was begun and its run was interrupted") && said.contains("`floe apply` goes on"), "{said}");
    let (code, _, said) = run(false, &["apply", "--yes"]).await;
    assert_eq!(code, Some(0), "{said}");
    let (code, changes, said) = run(false, &["apply", "the.plan"]).await;
    assert_eq!((code, changes, said.contains("was applied before")), (Some(1), false, true), "{said}");
    assert_eq!(world.simulator.audit_report().pool_creations["main"], 1);
}

const MAIN: &str = "[pools.main]\nmax_cfu = 5\n";
