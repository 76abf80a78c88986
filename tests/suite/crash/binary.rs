//! The real program, killed at the boundaries of its requests: by a proxy between it and the simulated cloud, before a
//! request is passed on, or after it took effect and before its answer is passed back.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use floe::simulator::{Limits, Options, Pace, Simulator, serve};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{
    Figures, Problem, holds,
    story::{STAGES, Stage},
};
use crate::world::World;

/// When the program is killed: at which request, and on which side of its effect.
#[derive(Debug, Clone, Copy)]
pub struct Kill {
    pub at: usize,
    pub after_effect: bool,
}

struct Scene {
    simulator: Simulator,
    requests: AtomicUsize,
    kill: Option<Kill>,
    child: Mutex<Option<Child>>,
}

impl Scene {
    /// SIGKILL, and the program is gone before anything else happens.
    fn kill(&self) {
        if let Some(child) = self.child.lock().unwrap().as_mut() {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// Passes one connection on, request by request.
async fn pass(scene: Arc<Scene>, mut client: TcpStream, server: std::net::SocketAddr) -> std::io::Result<()> {
    let mut onward = TcpStream::connect(server).await?;
    let (mut request, mut answer) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            read = client.read(&mut request) => match read? {
                0 => return Ok(()),
                count => {
                    let number = scene.requests.fetch_add(1, Ordering::SeqCst);
                    let due = scene.kill.filter(|kill| kill.at == number);
                    if due.is_some_and(|kill| !kill.after_effect) {
                        scene.kill();
                        return Ok(());
                    }
                    onward.write_all(&request[..count]).await?;
                    if due.is_some() {
                        // The answer is there, so the effect is; nobody hears of it.
                        let _ = onward.read(&mut answer).await?;
                        scene.kill();
                        return Ok(());
                    }
                }
            },
            read = onward.read(&mut answer) => match read? {
                0 => return Ok(()),
                count => client.write_all(&answer[..count]).await?,
            },
        }
    }
}

/// Runs the program once; whether it was killed, and how many requests it sent.
async fn run(
    simulator: &Simulator,
    folder: &Path,
    stage: &Stage,
    kill: Option<Kill>,
) -> Result<(bool, usize), Problem> {
    let said = |error: std::io::Error| error.to_string();
    let (cloud, proxy) =
        (TcpListener::bind("127.0.0.1:0").await.map_err(said)?, TcpListener::bind("127.0.0.1:0").await.map_err(said)?);
    let (server, origin) = (cloud.local_addr().map_err(said)?, proxy.local_addr().map_err(said)?);
    let scene =
        Arc::new(Scene { simulator: simulator.clone(), requests: AtomicUsize::new(0), kill, child: Mutex::new(None) });
    let serving = tokio::spawn(serve(cloud, scene.simulator.clone()));
    let passing = tokio::spawn({
        let scene = Arc::clone(&scene);
        async move {
            while let Ok((client, _)) = proxy.accept().await {
                drop(tokio::spawn(pass(Arc::clone(&scene), client, server)));
            }
        }
    });
    std::fs::write(folder.join("floe.toml"), manifest(&format!("http://{origin}"))).map_err(said)?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_floe"));
    command.arg(if stage.destroy { "destroy" } else { "apply" }).args(["--yes", "--allow-data-loss", "-e", "test"]);
    command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for variable in ["CONFLUENT_CLOUD_API", "FLINK_API", "CONFLUENT_FLINK_API", "CLOUD_API"] {
        command.env(format!("{variable}_KEY"), "key").env(format!("{variable}_SECRET"), "secret");
    }
    let mut child = command.spawn().map_err(said)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let reading = std::thread::spawn(move || {
        let text = |pipe: Option<Box<dyn std::io::Read + Send>>| {
            let mut text = String::new();
            pipe.map(|mut pipe| pipe.read_to_string(&mut text));
            text
        };
        let errors = std::thread::spawn(move || text(stderr.map(|pipe| Box::new(pipe) as _)));
        let output = text(stdout.map(|pipe| Box::new(pipe) as _));
        output + &errors.join().unwrap_or_default()
    });
    *scene.child.lock().unwrap() = Some(child);
    let code = loop {
        let ended = scene.child.lock().unwrap().as_mut().and_then(|child| child.try_wait().ok().flatten());
        if let Some(status) = ended {
            break status.code();
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    let output = reading.join().unwrap_or_default();
    serving.abort();
    passing.abort();
    let sent = scene.requests.load(Ordering::SeqCst);
    match (code, kill.is_some_and(|kill| sent > kill.at)) {
        (None, true) => Ok((true, sent)),
        (Some(0), false) => Ok((false, sent)),
        (code, killed) => Err(format!("exit code {code:?}, killed: {killed}, after {sent} requests:\n{output}")),
    }
}

fn manifest(origin: &str) -> String {
    format!(
        "[project]\nname = \"test\"\n\n[environments.test]\norganization = \"00000000-0000-0000-0000-000000000000\"\n\
         id = \"env-sim\"\ncloud = \"aws\"\nregion = \"us-east-1\"\nendpoint = \"{origin}\"\n\
         cloud_endpoint = \"{origin}\"\n\n[defaults]\npool = \"main\"\n"
    )
}

/// One life through the stages, killed once in `stage`; everything holds at the end of it. `false`: it ended before.
pub async fn life(stage: usize, kill: Kill, figures: &mut Figures) -> Result<bool, Problem> {
    let options = Options { pace: Pace::even(Duration::from_millis(20)), limits: Limits::off(), ..Options::default() };
    let world = World::with(&[], options);
    for earlier in &STAGES[..stage] {
        earlier.declare(&world);
        run(&world.simulator, world.folder.path(), earlier, None).await?;
    }
    STAGES[stage].declare(&world);
    figures.runs += 1;
    let (killed, _) = run(&world.simulator, world.folder.path(), &STAGES[stage], Some(kill)).await?;
    // What was in motion comes to rest; then the next run finds out what happened and goes on.
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        figures.runs += 1;
        run(&world.simulator, world.folder.path(), &STAGES[stage], None).await?;
    }
    let path = world.folder.path().join("state/test.json");
    let found = floe::state::Ledger::load(&floe::state::Local::at(path)).await.map_err(|error| error.to_string())?;
    holds::check_record(&world, found.unwrap_or_else(crate::world::nothing_recorded), &STAGES[stage], figures)?;
    Ok(killed)
}
