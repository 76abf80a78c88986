//! `floe simulator`: the simulated cloud behind a port.

use std::time::Duration;

use tokio::net::TcpListener;

use super::{CommandError, Exit, Screen, arguments::SimulatorArguments, connect, interrupt};
use crate::simulator::{PhaseDurations, Scenario, Simulator, SimulatorOptions, serve};

/// How long a phase lasts here: long enough to be seen, short enough to wait for.
const PHASE_DURATION: Duration = Duration::from_secs(1);

/// Serves until it is interrupted. The address is the one thing on standard output.
pub fn run(arguments: &SimulatorArguments, screen: &Screen) -> Result<Exit, CommandError> {
    let scenario = match &arguments.scenario {
        Some(path) => connect::read_scenario(path)?,
        None => Scenario::default(),
    };
    let options = SimulatorOptions {
        phase_durations: PhaseDurations::uniform(PHASE_DURATION),
        // Clients measure ages by their own clock.
        start_time: jiff::Timestamp::now().as_microsecond(),
        flink_key: arguments.flink_key.clone(),
        cloud_key: arguments.cloud_key.clone(),
        scenario,
        ..SimulatorOptions::default()
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| CommandError::new(format!("the system does not let floe work in the background: {error}")))?;
    runtime.block_on(serve_until_interrupted(arguments, options, screen))
}

async fn serve_until_interrupted(
    arguments: &SimulatorArguments,
    options: SimulatorOptions,
    screen: &Screen,
) -> Result<Exit, CommandError> {
    let simulator = match &arguments.world {
        Some(path) => Simulator::open(path, options)
            .map_err(|error| CommandError::new(format!("the world {} cannot be opened: {error}", path.display())))?,
        None => Simulator::new(options),
    };
    let refused = |error: std::io::Error| {
        CommandError::new(format!("cannot listen on {}: {error}", arguments.listen))
            .with_help("another address, for example `--listen 127.0.0.1:0` for a free port")
    };
    let listener = TcpListener::bind(&arguments.listen).await.map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    screen.eprint("A simulated Confluent Cloud, both APIs on one origin; Ctrl-C ends it.\n");
    screen.print(&format!("http://{address}\n"))?;
    tokio::select! {
        biased;
        () = interrupt::stop_requested() => Ok(Exit::Done),
        result = serve(listener, simulator) => match result {
            Ok(()) => Ok(Exit::Done),
            Err(error) => Err(CommandError::new(format!("the simulator cannot go on: {error}"))),
        },
    }
}
