//! Kills the program at the boundary of every request with `FLOE_CRASH=all`, otherwise at a sample of them.

use super::*;
use crate::program_harness::{KILL_MOMENTS, KillMoment};

/// One kill at one request of a stage.
#[derive(Debug, Clone, Copy)]
struct KillCase {
    /// The number of the stage.
    stage: usize,
    /// The request at which the program is killed, and the moment.
    kill: KillPoint,
    /// How many requests later the next kill of this kind is, or none if this is the only one.
    stride: Option<usize>,
}

/// Runs one case and checks that everything holds at its end. Returns true if the program was killed.
async fn run_case(case: &KillCase, figures: &mut Figures) -> Result<bool, CrashFailure> {
    let staged = StagedProject::before(case.stage).await?;
    figures.runs += 1;
    let run = staged.run(&[], Some(case.kill)).await;
    if !run.killed {
        run.check_success()?;
    } else if run.code.is_some() {
        return Err(format!("killed but has exit code {:?}:\n{}", run.code, run.output));
    } else {
        figures.crashes += 1;
        staged.check_durability(figures).await?;
    }
    staged.check_convergence(figures).await?;
    Ok(run.killed)
}

#[test]
fn nothing_is_lost_or_orphaned_when_the_program_is_killed_at_a_request() {
    let cases = match is_exhaustive() {
        true => {
            let each = |stage| {
                KILL_MOMENTS.map(|moment| KillCase { stage, kill: KillPoint { request: 0, moment }, stride: Some(1) })
            };
            (0..STAGES.len()).flat_map(each).collect()
        }
        false => [
            (9, KillMoment::BeforeReading),
            (13, KillMoment::AfterEffect),
            (19, KillMoment::MidResponse),
            (31, KillMoment::AfterEffect),
        ]
        .map(|(request, moment)| KillCase { stage: 1, kill: KillPoint { request, moment }, stride: None })
        .to_vec(),
    };
    let (mut figures, kills) = (Figures::default(), Mutex::new(Vec::new()));
    let problems = run_in_parallel(cases, &mut figures, |case, runtime, figures| {
        let result = runtime.block_on(run_case(case, figures));
        // The number of requests differs from run to run, so the cases of a kind end with the first run that is not
        // killed.
        let next = case.stride.filter(|_| !matches!(result, Ok(false)));
        let next = next
            .map(|stride| KillCase { kill: KillPoint { request: case.kill.request + stride, ..case.kill }, ..*case });
        if !matches!(result, Ok(false)) {
            kills.lock().unwrap().push(case.kill.moment);
        }
        let place = |why| format!("stage `{}`, {:?}: {why}", STAGES[case.stage].name, case.kill);
        (result.map(drop).map_err(place), next.filter(|next| next.kill.request < 1_000))
    });
    assert!(figures.crashes > 0 || !problems.is_empty(), "no run was killed");
    let kills = kills.into_inner().unwrap();
    let by_moment = KILL_MOMENTS.map(|side| format!("{side:?} {}", kills.iter().filter(|kill| **kill == side).count()));
    println!("the program, at its requests: {}", by_moment.join(", "));
    report_and_assert("the program, at its requests", &figures, &problems);
}

/// A saved plan is used up once its run has started. After a kill, the same command says so and names the command that
/// continues.
#[tokio::test]
async fn a_saved_plan_whose_run_was_killed_is_refused_and_apply_continues() {
    let files =
        [("statements/s.toml", "[statements.t]\nsql = \"CREATE TABLE t (id STRING)\"\n"), ("pools.toml", MAIN_POOL)];
    let project = TestProject::with_options(&files, options());
    // A plan is bound to the host that it was made for, so all runs use one address.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let run = async |is_killed: bool, arguments: &[&str]| {
        let folder = project.folder.path();
        let service = ServedSimulator::start_at(&address, &project.simulator, None).await;
        if is_killed {
            service.kill_on(SentRequest::is_mutation);
        }
        fs::write(folder.join("floe.toml"), program_harness::floe_toml_with_endpoint(&service.origin, "")).unwrap();
        let ended = service.run(program_harness::floe_command(folder, &[], arguments)).await;
        let (out, err) = program_harness::output(folder);
        (
            ended.status.code(),
            service.sent().iter().any(SentRequest::is_mutation),
            program_harness::single_line(&(out + &err)),
        )
    };
    assert_eq!(run(false, &["plan", "--out", "the.plan"]).await.0, Some(0));
    let (code, changes, said) = run(true, &["apply", "the.plan"]).await;
    assert_eq!((code, changes), (None, true), "{said}");
    let (code, changes, said) = run(false, &["apply", "the.plan"]).await;
    assert_eq!((code, changes), (Some(1), false), "{said}");
    assert!(said.contains("the run of this plan was interrupted") && said.contains("`floe apply` continues"), "{said}");
    let (code, _, said) = run(false, &["apply", "--yes"]).await;
    assert_eq!(code, Some(0), "{said}");
    let (code, changes, said) = run(false, &["apply", "the.plan"]).await;
    assert_eq!((code, changes, said.contains("was already applied")), (Some(1), false, true), "{said}");
    assert_eq!(project.simulator.audit_report().pool_creations["main"], 1);
}

/// The manifest of the pool.
const MAIN_POOL: &str = "[pools.main]\nmax_cfu = 5\n";
