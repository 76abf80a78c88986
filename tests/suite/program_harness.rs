//! Runs the real program against a simulated cloud that is served on this machine. A proxy between them records every
//! request and can kill the program at one of them.

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

/// The time after which a run counts as hung. No run here takes that long, even on a busy machine.
const RUN_TIMEOUT: Duration = Duration::from_secs(180);

/// When the program is killed: at which request, and before or after its effect.
#[derive(Debug, Clone, Copy)]
pub struct KillPoint {
    /// The index of the request; the first request is 0.
    pub request: usize,
    /// When the program is killed during this request.
    pub moment: KillMoment,
}

/// A moment during a request at which the program can be killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KillMoment {
    /// The service has not received the request.
    BeforeReading,
    /// The request took effect, and no byte of the response was passed on.
    AfterEffect,
    /// Half of the response was passed on.
    MidResponse,
}

/// Every moment at which a request can be interrupted.
pub const KILL_MOMENTS: [KillMoment; 3] = [KillMoment::BeforeReading, KillMoment::AfterEffect, KillMoment::MidResponse];

/// A request that the proxy received.
#[derive(Debug, Clone)]
pub struct SentRequest {
    /// When the proxy received the request.
    pub at: SystemTime,
    /// The request line: method, path and version.
    pub line: String,
}

impl SentRequest {
    /// Returns whether the request may change something.
    pub fn is_mutation(&self) -> bool {
        !self.line.starts_with("GET ")
    }
}

/// A simulated cloud that is served at a port until it is dropped.
pub struct ServedSimulator {
    /// The address of the proxy, such as `http://127.0.0.1:4000`.
    pub origin: String,
    /// The proxy between program and simulator.
    proxy: Arc<KillingProxy>,
    /// The tasks that serve the simulator and the proxy.
    tasks: [JoinHandle<()>; 2],
}

/// Which request triggers the hook, and what the hook does once before that request is passed on.
type RequestHook = (Box<dyn FnMut(&SentRequest) -> bool + Send>, Box<dyn FnOnce() + Send>);

/// A proxy that records requests, can hold them back, and can kill the program at one of them.
#[derive(Default)]
struct KillingProxy {
    /// The requests so far, in order.
    sent: Mutex<Vec<SentRequest>>,
    /// When the program is killed, if at all.
    kill: Option<KillPoint>,
    /// What happens once at a certain request.
    hook: Mutex<Option<RequestHook>>,
    /// Whether the program was killed.
    has_killed: AtomicBool,
    /// Whether requests that change something are held back.
    holds_mutations: AtomicBool,
    /// The process that is running now.
    child: Mutex<Option<Child>>,
}

impl KillingProxy {
    /// Sends SIGKILL and waits until the program has ended.
    fn kill_program(&self) {
        if let Some(child) = self.child().as_mut() {
            drop(child.kill());
            drop(child.wait());
        }
        self.has_killed.store(true, Ordering::SeqCst);
    }

    /// Locks and returns the running process.
    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap()
    }

    /// Records a request, and returns when to kill the program during it, if at all.
    fn record_request(&self, head: &[u8]) -> Option<KillMoment> {
        let line = String::from_utf8_lossy(head.split(|byte| *byte == b'\r').next().unwrap_or_default()).into_owned();
        let methods = ["GET ", "POST ", "PUT ", "PATCH ", "DELETE "];
        // These bytes continue the body of the previous request.
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

/// Forwards one connection, request by request.
async fn forward_connection(
    proxy: Arc<KillingProxy>,
    mut client: TcpStream,
    server: SocketAddr,
) -> std::io::Result<()> {
    let mut upstream = TcpStream::connect(server).await?;
    let (mut request, mut response) = (vec![0; 1 << 16], vec![0; 1 << 16]);
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
                    upstream.write_all(&request[..count]).await?;
                    if let Some(moment) = kill_moment {
                        // The response shows that the request took effect. The program receives half of it or
                        // nothing.
                        let count = upstream.read(&mut response).await?;
                        if moment == KillMoment::MidResponse {
                            client.write_all(&response[..count / 2]).await?;
                            tokio::time::sleep(Duration::from_millis(30)).await;
                        }
                        proxy.kill_program();
                        return Ok(());
                    }
                }
            },
            read = upstream.read(&mut response) => match read? {
                0 => return Ok(()),
                count => client.write_all(&response[..count]).await?,
            },
        }
    }
}

impl ServedSimulator {
    /// Serves a simulator behind a proxy, which kills the program at `kill`.
    pub async fn start(simulator: &Simulator, kill: Option<KillPoint>) -> ServedSimulator {
        Self::start_at("127.0.0.1:0", simulator, kill).await
    }

    /// Serves a simulator behind a proxy that listens at `address`.
    pub async fn start_at(address: &str, simulator: &Simulator, kill: Option<KillPoint>) -> ServedSimulator {
        let server_listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy_listener = loop {
            // The task that served this address before may not have released it yet.
            match TcpListener::bind(address).await {
                Ok(listener) => break listener,
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        };
        let (server, origin) = (server_listener.local_addr().unwrap(), proxy_listener.local_addr().unwrap());
        let proxy = Arc::new(KillingProxy { kill, ..KillingProxy::default() });
        let simulator = simulator.clone();
        let serving = tokio::spawn(async move { drop(serve(server_listener, simulator).await) });
        let forwarding = tokio::spawn({
            let proxy = Arc::clone(&proxy);
            async move {
                while let Ok((client, _)) = proxy_listener.accept().await {
                    drop(tokio::spawn(forward_connection(Arc::clone(&proxy), client, server)));
                }
            }
        });
        ServedSimulator { origin: format!("http://{origin}"), proxy, tasks: [serving, forwarding] }
    }

    /// Calls `happens` at the first request for which `is_due` holds, before that request is passed on.
    pub fn on_request(
        &self,
        is_due: impl FnMut(&SentRequest) -> bool + Send + 'static,
        happens: impl FnOnce() + Send + 'static,
    ) {
        *self.proxy.hook.lock().unwrap() = Some((Box::new(is_due), Box::new(happens)));
    }

    /// Kills the program at the first request for which `is_due` holds. The request is still passed on.
    pub fn kill_on(&self, is_due: impl FnMut(&SentRequest) -> bool + Send + 'static) {
        let proxy = Arc::clone(&self.proxy);
        self.on_request(is_due, move || proxy.kill_program());
    }

    /// Returns the requests so far, in order.
    pub fn sent(&self) -> Vec<SentRequest> {
        self.proxy.sent.lock().unwrap().clone()
    }

    /// Holds requests that change something back until `release_mutations` is called.
    pub fn hold_mutations(&self) {
        self.proxy.holds_mutations.store(true, Ordering::SeqCst);
    }

    /// Passes on the requests that `hold_mutations` holds back.
    pub fn release_mutations(&self) {
        self.proxy.holds_mutations.store(false, Ordering::SeqCst);
    }

    /// Returns whether the proxy has killed the program.
    pub fn has_killed(&self) -> bool {
        self.proxy.has_killed.load(Ordering::SeqCst)
    }

    /// Runs `command`, whose project uses this service, and waits until it exits. Panics if it does not exit in time.
    pub async fn run(&self, mut command: Command) -> FinishedCommand {
        command.env("FLOE_ALLOW_ENDPOINTS", &self.origin);
        *self.proxy.child() = Some(command.spawn().unwrap());
        let began = Instant::now();
        loop {
            let ended = self.proxy.child().as_mut().and_then(|child| child.try_wait().unwrap());
            if let Some(status) = ended {
                return FinishedCommand { status };
            }
            if began.elapsed() > RUN_TIMEOUT {
                self.proxy.kill_program();
                panic!("the program did not exit within {RUN_TIMEOUT:?}");
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

/// The result of a command that has ended.
#[derive(Debug)]
pub struct FinishedCommand {
    /// The exit status of the process.
    pub status: ExitStatus,
}

/// Returns standard output and standard error, which [`floe_command`] writes to files.
pub fn output(folder: &Path) -> (String, String) {
    let read = |name| String::from_utf8_lossy(&fs::read(folder.join(name)).unwrap_or_default()).into_owned();
    (read("out.txt"), read("err.txt"))
}

/// Returns a message on one line, without line breaks and frame characters.
pub fn single_line(message: &str) -> String {
    let plain = message.replace(['│', '×'], " ");
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns a command that runs floe in `folder` and writes its output to files there. If `wrapper` is not empty, that
/// command starts floe.
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
    command.env("COLUMNS", "120").env("NO_COLOR", "1").env("USER", "ana").env("HOSTNAME", "build-7");
    command.current_dir(folder).stdin(Stdio::null()).stdout(file("out.txt")).stderr(file("err.txt"));
    for variable in ["CONFLUENT_CLOUD_API", "FLINK_API", "CONFLUENT_FLINK_API", "CLOUD_API"] {
        command.env(format!("{variable}_KEY"), "key").env(format!("{variable}_SECRET"), "secret");
    }
    command
}

/// Returns a `floe.toml` with the environment `test`, whose endpoints are at `origin`. `more` continues its table.
pub fn floe_toml_with_endpoint(origin: &str, more: &str) -> String {
    format!(
        "[project]\nname = \"test\"\n\n[environments.test]\norganization = \"00000000-0000-0000-0000-000000000000\"\n\
         id = \"env-sim\"\ncloud = \"aws\"\nregion = \"us-east-1\"\nendpoint = \"{origin}\"\n\
         cloud_endpoint = \"{origin}\"\n{more}\n[defaults]\npool = \"main\"\n"
    )
}
