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
const PATIENCE: Duration = Duration::from_secs(180);

/// When the program is killed: at which request, and on which side of its effect.
#[derive(Debug, Clone, Copy)]
pub struct Kill {
    pub at: usize,
    pub side: Side,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The service has not read the request.
    BeforeReading,
    /// The effect is there, and no byte of the answer has come.
    AfterEffect,
    /// Half of the answer has come.
    MidAnswer,
}

pub const SIDES: [Side; 3] = [Side::BeforeReading, Side::AfterEffect, Side::MidAnswer];

/// A request as the proxy saw it.
#[derive(Debug, Clone)]
pub struct Sent {
    pub at: SystemTime,
    /// Method and path.
    pub line: String,
}

impl Sent {
    pub fn changes(&self) -> bool {
        !self.line.starts_with("GET ")
    }
}

/// A simulated cloud behind a port, until it is dropped.
pub struct Service {
    pub origin: String,
    proxy: Arc<Proxy>,
    tasks: [JoinHandle<()>; 2],
}

/// What happens before such a request is passed on, once.
type Meanwhile = (Box<dyn FnMut(&Sent) -> bool + Send>, Box<dyn FnOnce() + Send>);

#[derive(Default)]
struct Proxy {
    sent: Mutex<Vec<Sent>>,
    kill: Option<Kill>,
    meanwhile: Mutex<Option<Meanwhile>>,
    killed: AtomicBool,
    holds: AtomicBool,
    child: Mutex<Option<Child>>,
}

impl Proxy {
    /// SIGKILL, and the program is gone before anything else happens.
    fn strike(&self) {
        if let Some(child) = self.child().as_mut() {
            drop(child.kill());
            drop(child.wait());
        }
        self.killed.store(true, Ordering::SeqCst);
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap()
    }

    /// Counts a request; on which side of it the program is to be killed, if at all.
    fn count(&self, head: &[u8]) -> Option<Side> {
        let line = String::from_utf8_lossy(head.split(|byte| *byte == b'\r').next().unwrap_or_default()).into_owned();
        let methods = ["GET ", "POST ", "PUT ", "PATCH ", "DELETE "];
        // What goes on with the body of the one before is no request.
        if !methods.iter().any(|method| line.starts_with(method)) {
            return None;
        }
        let mut sent = self.sent.lock().unwrap();
        let now = Sent { at: SystemTime::now(), line };
        let happens = self.meanwhile.lock().unwrap().take_if(|(is_due, _)| is_due(&now));
        sent.push(now);
        if let Some((_, happens)) = happens {
            happens();
        }
        self.kill.filter(|kill| kill.at + 1 == sent.len()).map(|kill| kill.side)
    }
}

/// Passes one connection on, request by request.
async fn pass(proxy: Arc<Proxy>, mut client: TcpStream, server: SocketAddr) -> std::io::Result<()> {
    let mut onward = TcpStream::connect(server).await?;
    let (mut request, mut answer) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            read = client.read(&mut request) => match read? {
                0 => return Ok(()),
                count => {
                    let due = proxy.count(&request[..count]);
                    if due == Some(Side::BeforeReading) {
                        proxy.strike();
                        return Ok(());
                    }
                    while proxy.holds.load(Ordering::SeqCst) && !request.starts_with(b"GET ") {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                    onward.write_all(&request[..count]).await?;
                    if let Some(side) = due {
                        // The answer is there, so the effect is; nobody hears of it, or half of it.
                        let count = onward.read(&mut answer).await?;
                        if side == Side::MidAnswer {
                            client.write_all(&answer[..count / 2]).await?;
                            tokio::time::sleep(Duration::from_millis(30)).await;
                        }
                        proxy.strike();
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

impl Service {
    pub async fn of(simulator: &Simulator, kill: Option<Kill>) -> Service {
        let (cloud, door) =
            (TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap());
        let (server, origin) = (cloud.local_addr().unwrap(), door.local_addr().unwrap());
        let proxy = Arc::new(Proxy { kill, ..Proxy::default() });
        let simulator = simulator.clone();
        let serving = tokio::spawn(async move { drop(serve(cloud, simulator).await) });
        let passing = tokio::spawn({
            let proxy = Arc::clone(&proxy);
            async move {
                while let Ok((client, _)) = door.accept().await {
                    drop(tokio::spawn(pass(Arc::clone(&proxy), client, server)));
                }
            }
        });
        Service { origin: format!("http://{origin}"), proxy, tasks: [serving, passing] }
    }

    /// Lets something happen when the first request has come that is so, before it is passed on.
    pub fn meanwhile(
        &self,
        is_due: impl FnMut(&Sent) -> bool + Send + 'static,
        happens: impl FnOnce() + Send + 'static,
    ) {
        *self.proxy.meanwhile.lock().unwrap() = Some((Box::new(is_due), Box::new(happens)));
    }

    /// Kills the program at the first request that is so; the request is passed on.
    pub fn kill_at(&self, is_due: impl FnMut(&Sent) -> bool + Send + 'static) {
        let proxy = Arc::clone(&self.proxy);
        self.meanwhile(is_due, move || proxy.strike());
    }

    /// The requests so far.
    pub fn sent(&self) -> Vec<Sent> {
        self.proxy.sent.lock().unwrap().clone()
    }

    /// Keeps requests that change something until it is told to let them go.
    pub fn hold(&self) {
        self.proxy.holds.store(true, Ordering::SeqCst);
    }

    pub fn let_go(&self) {
        self.proxy.holds.store(false, Ordering::SeqCst);
    }

    /// Whether the program was killed here.
    pub fn has_killed(&self) -> bool {
        self.proxy.killed.load(Ordering::SeqCst)
    }

    /// Runs `command` to its end, in a folder whose manifest leads here.
    pub async fn run(&self, mut command: Command) -> Ended {
        *self.proxy.child() = Some(command.spawn().unwrap());
        let began = Instant::now();
        loop {
            let ended = self.proxy.child().as_mut().and_then(|child| child.try_wait().unwrap());
            if let Some(status) = ended {
                return Ended { status };
            }
            if began.elapsed() > PATIENCE {
                self.proxy.strike();
                panic!("it does not come to its end");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
}

/// What the program said, in the files that [`floe`] sends it to.
pub fn said(folder: &Path) -> (String, String) {
    let read = |name| String::from_utf8_lossy(&fs::read(folder.join(name)).unwrap_or_default()).into_owned();
    (read("out.txt"), read("err.txt"))
}

/// The words of a message, however it was broken into lines and drawn.
pub fn words(message: &str) -> String {
    let plain = message.replace(['│', '×'], " ");
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The program in `folder`, its output going to files there. `through` is what it is started by, if anything.
pub fn floe(folder: &Path, through: &[String], arguments: &[&str]) -> Command {
    let program = env!("CARGO_BIN_EXE_floe");
    let mut command = match through {
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
pub fn manifest(origin: &str, more: &str) -> String {
    format!(
        "[project]\nname = \"test\"\n\n[environments.test]\norganization = \"00000000-0000-0000-0000-000000000000\"\n\
         id = \"env-sim\"\ncloud = \"aws\"\nregion = \"us-east-1\"\nendpoint = \"{origin}\"\n\
         cloud_endpoint = \"{origin}\"\n{more}\n[defaults]\npool = \"main\"\n"
    )
}
