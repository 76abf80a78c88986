//! The real program before a simulated cloud that is served on this machine, with a proxy between them that sees every
//! request and can have the program killed at one.

use std::{
    fs::{self, File},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use floe::simulator::{Simulator, serve};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// Longer than any run here takes, also on a machine that does much else.
const RUN_TIMEOUT: Duration = Duration::from_secs(180);

/// When the program is killed: at which request, and on which side of its effect.
#[derive(Debug, Clone, Copy)]
pub struct KillPoint {
    pub request: usize,
    pub moment: KillMoment,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KillMoment {
    /// The service has not read the request.
    BeforeReading,
    /// The effect is there, and no byte of the answer has come.
    AfterEffect,
    /// Half of the answer has come.
    MidAnswer,
}

pub const KILL_MOMENTS: [KillMoment; 3] = [KillMoment::BeforeReading, KillMoment::AfterEffect, KillMoment::MidAnswer];

/// A request as the proxy saw it.
#[derive(Debug, Clone)]
pub struct SentRequest {
    pub at: SystemTime,
    /// Method and path.
    pub line: String,
}

impl SentRequest {
    pub fn is_mutation(&self) -> bool {
        !self.line.starts_with("GET ")
    }
}

/// A simulated cloud behind a port, until it is dropped.
pub struct ServedSimulator {
    pub origin: String,
    proxy: Arc<KillingProxy>,
    tasks: [JoinHandle<()>; 2],
}

/// What happens before such a request is passed on, once.
type RequestHook = (Box<dyn FnMut(&SentRequest) -> bool + Send>, Box<dyn FnOnce() + Send>);

#[derive(Default)]
struct KillingProxy {
    sent: Mutex<Vec<SentRequest>>,
    kill: Option<KillPoint>,
    hook: Mutex<Option<RequestHook>>,
    has_killed: AtomicBool,
    holds_mutations: AtomicBool,
    child: Mutex<Option<Child>>,
}

impl KillingProxy {
    /// SIGKILL, and the program is gone before anything else happens.
    fn kill_program(&self) {
        if let Some(child) = self.child().as_mut() {
            drop(child.kill());
            drop(child.wait());
        }
        self.has_killed.store(true, Ordering::SeqCst);
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap()
    }

    /// Counts a request; on which side of it the program is to be killed, if at all.
    fn record_request(&self, head: &[u8]) -> Option<KillMoment> {
        let line = String::from_utf8_lossy(head.split(|byte| *byte == b'\r').next().unwrap_or_default()).into_owned();
        let methods = ["GET ", "POST ", "PUT ", "PATCH ", "DELETE "];
        // What goes on with the body of the one before is no request.
        if !methods.iter().any(|method| line.starts_with(method)) {
            return None;
        }
        let mut sent = self.sent.lock().unwrap();
        let now = SentRequest { at: SystemTime::now(), line };
        let happens = self.hook.lock().unwrap().take_if(|(is_due, _)| is_due(&now));
        sent.push(now);
        if let Some((_, happens)) = happens {
            happens();
        }
        self.kill.filter(|kill| kill.request + 1 == sent.len()).map(|kill| kill.moment)
    }
}

/// Passes one connection on, request by request.
async fn forward_connection(
    proxy: Arc<KillingProxy>,
    mut client: TcpStream,
    server: SocketAddr,
) -> std::io::Result<()> {
    let mut onward = TcpStream::connect(server).await?;
    let (mut request, mut answer) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            read = client.read(&mut request) => match read? {
                0 => return Ok(()),
                count => {
                    let kill_moment = proxy.record_request(&request[..count]);
                    if kill_moment == Some(KillMoment::BeforeReading) {
                        proxy.kill_program();
                        return Ok(());
                    }
                    while proxy.holds_mutations.load(Ordering::SeqCst) && !request.starts_with(b"GET ") {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                    onward.write_all(&request[..count]).await?;
                    if let Some(side) = kill_moment {
                        // The answer is there, so the effect is; nobody hears of it, or half of it.
                        let count = onward.read(&mut answer).await?;
                        if side == KillMoment::MidAnswer {
                            client.write_all(&answer[..count / 2]).await?;
                            tokio::time::sleep(Duration::from_millis(30)).await;
                        }
                        proxy.kill_program();
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

impl ServedSimulator {
    pub async fn start(simulator: &Simulator, kill: Option<KillPoint>) -> ServedSimulator {
        let (server_listener, proxy_listener) =
            (TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap());
        let (server, origin) = (server_listener.local_addr().unwrap(), proxy_listener.local_addr().unwrap());
        let proxy = Arc::new(KillingProxy { kill, ..KillingProxy::default() });
        let simulator = simulator.clone();
        let serving = tokio::spawn(async move { drop(serve(server_listener, simulator).await) });
        let passing = tokio::spawn({
            let proxy = Arc::clone(&proxy);
            async move {
                while let Ok((client, _)) = proxy_listener.accept().await {
                    drop(tokio::spawn(forward_connection(Arc::clone(&proxy), client, server)));
                }
            }
        });
        ServedSimulator { origin: format!("http://{origin}"), proxy, tasks: [serving, passing] }
    }

    /// Lets something happen when the first request has come that is so, before it is passed on.
    pub fn on_request(
        &self,
        is_due: impl FnMut(&SentRequest) -> bool + Send + 'static,
        happens: impl FnOnce() + Send + 'static,
    ) {
        *self.proxy.hook.lock().unwrap() = Some((Box::new(is_due), Box::new(happens)));
    }

    /// Kills the program at the first request that is so; the request is passed on.
    pub fn kill_on(&self, is_due: impl FnMut(&SentRequest) -> bool + Send + 'static) {
        let proxy = Arc::clone(&self.proxy);
        self.on_request(is_due, move || proxy.kill_program());
    }

    /// The requests so far.
    pub fn sent(&self) -> Vec<SentRequest> {
        self.proxy.sent.lock().unwrap().clone()
    }

    /// Keeps requests that change something until it is told to let them go.
    pub fn hold_mutations(&self) {
        self.proxy.holds_mutations.store(true, Ordering::SeqCst);
    }

    pub fn release_mutations(&self) {
        self.proxy.holds_mutations.store(false, Ordering::SeqCst);
    }

    /// Whether the program was killed here.
    pub fn has_killed(&self) -> bool {
        self.proxy.has_killed.load(Ordering::SeqCst)
    }

    /// Runs `command` to its end, in a folder whose manifest leads here.
    pub async fn run(&self, mut command: Command) -> FinishedCommand {
        *self.proxy.child() = Some(command.spawn().unwrap());
        let began = Instant::now();
        loop {
            let ended = self.proxy.child().as_mut().and_then(|child| child.try_wait().unwrap());
            if let Some(status) = ended {
                return FinishedCommand { status };
            }
            if began.elapsed() > RUN_TIMEOUT {
                self.proxy.kill_program();
                panic!("it does not come to its end");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for ServedSimulator {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

#[derive(Debug)]
pub struct FinishedCommand {
    pub status: ExitStatus,
}

/// What the program said, in the files that [`floe`] sends it to.
pub fn output(folder: &Path) -> (String, String) {
    let read = |name| String::from_utf8_lossy(&fs::read(folder.join(name)).unwrap_or_default()).into_owned();
    (read("out.txt"), read("err.txt"))
}

/// The words of a message, however it was broken into lines and drawn.
pub fn single_line(message: &str) -> String {
    let plain = message.replace(['│', '×'], " ");
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The program in `folder`, its output going to files there. `through` is what it is started by, if anything.
pub fn floe_command(folder: &Path, wrapper: &[String], arguments: &[&str]) -> Command {
    let program = env!("CARGO_BIN_EXE_floe");
    let mut command = match wrapper {
        [] => Command::new(program),
        [first, rest @ ..] => {
            let mut command = Command::new(first);
            command.args(rest).arg(program);
            command
        }
    };
    let file = |name| File::create(folder.join(name)).unwrap();
    command.arg("-C").arg(folder).args(arguments);
    command.env("COLUMNS", "120").env("USER", "ana").env("HOSTNAME", "build-7");
    command.current_dir(folder).stdin(Stdio::null()).stdout(file("out.txt")).stderr(file("err.txt"));
    for variable in ["CONFLUENT_CLOUD_API", "FLINK_API", "CONFLUENT_FLINK_API", "CLOUD_API"] {
        command.env(format!("{variable}_KEY"), "key").env(format!("{variable}_SECRET"), "secret");
    }
    command
}

/// A manifest of environment `test`, whose cloud is at `origin`; with `more` of that environment.
pub fn floe_toml_with_endpoint(origin: &str, more: &str) -> String {
    format!(
        "[project]\nname = \"test\"\n\n[environments.test]\norganization = \"00000000-0000-0000-0000-000000000000\"\n\
         id = \"env-sim\"\ncloud = \"aws\"\nregion = \"us-east-1\"\nendpoint = \"{origin}\"\n\
         cloud_endpoint = \"{origin}\"\n{more}\n[defaults]\npool = \"main\"\n"
    )
}
