//! `floe simulator`: serves the simulated cloud on a port.

use std::time::Duration;

use tokio::net::TcpListener;

use super::{
    CommandError, Exit, ProcessEnvironment, Screen, arguments::SimulatorArguments, connect, interrupt, runtime,
};
use crate::{
    cloud::check_origin,
    simulator::{PhaseDurations, Scenario, Simulator, SimulatorOptions, serve},
};

/// How long a phase lasts in the served simulator: long enough to be observed, short enough to wait for.
const PHASE_DURATION: Duration = Duration::from_secs(1);

/// Serves until it is interrupted. Only the address goes to standard output.
pub fn run(
    arguments: &SimulatorArguments,
    process: &ProcessEnvironment,
    screen: &Screen,
) -> Result<Exit, CommandError> {
    let scenario = match &arguments.scenario {
        Some(path) => connect::read_scenario(path)?,
        None => Scenario::default(),
    };
    let options = SimulatorOptions {
        phase_durations: PhaseDurations::uniform(PHASE_DURATION),
        // The real time, since clients compute ages with their own clock.
        start_time: jiff::Timestamp::now().as_microsecond(),
        flink_key: arguments.flink_key.clone(),
        cloud_key: arguments.cloud_key.clone(),
        scenario,
        ..SimulatorOptions::default()
    };
    runtime::check_file_descriptors()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| CommandError::new(format!("cannot start the async runtime: {error}")))?;
    runtime.block_on(serve_until_interrupted(arguments, options, process, screen))
}

/// Opens the simulated world, listens, prints the address, and serves until Ctrl-C.
async fn serve_until_interrupted(
    arguments: &SimulatorArguments,
    options: SimulatorOptions,
    process: &ProcessEnvironment,
    screen: &Screen,
) -> Result<Exit, CommandError> {
    let simulator = match &arguments.world {
        Some(path) => Simulator::open(path, options).map_err(|error| {
            CommandError::new(format!("cannot open the simulated world `{}`: {error}", path.display()))
        })?,
        None => Simulator::new(options),
    };
    let refused = |error: std::io::Error| {
        CommandError::new(format!("cannot listen on `{}`: {error}", arguments.listen))
            .with_help("Choose another address, for example `--listen 127.0.0.1:0` for a free port.")
    };
    let listener = TcpListener::bind(&arguments.listen).await.map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    let origin = format!("http://{address}");
    screen.notify("Serving a simulated Confluent Cloud, both APIs on one origin. Press Ctrl-C to stop.");
    screen.eprint(&export_hint(&origin, process));
    screen.print(&format!("{origin}\n"))?;
    tokio::select! {
        biased;
        () = interrupt::stop_requested() => Ok(Exit::Done),
        result = serve(listener, simulator) => match result {
            Ok(()) => Ok(Exit::Done),
            Err(error) => Err(CommandError::new(format!("the simulator stopped with an error: {error}"))),
        },
    }
}

/// Returns the line that lets floe send API keys to `origin`, or nothing for an origin that can never get a key.
fn export_hint(origin: &str, process: &ProcessEnvironment) -> String {
    let Ok(url) = check_origin(origin) else { return String::new() };
    let command = process.allowed_origins().unwrap_or_default().export_command([&url]);
    format!("Where floe is to use it, allow this origin:\n\n{command}\n\n")
}
