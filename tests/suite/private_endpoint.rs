//! `private = true`: the real binary finds the Flink endpoint in the list of regions, which a simulator serves on a
//! real port.

use std::process::{Command, Output};

use floe::simulator::{Simulator, SimulatorOptions, serve};
use tokio::net::TcpListener;

/// Runs `floe plan` in `folder` with an API key for each API, which may also be sent to `origin`.
fn run_plan(folder: &std::path::Path, origin: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_floe"))
        .args(["-C", folder.to_str().unwrap(), "plan", "--allow-endpoint", origin])
        .env_clear()
        .envs([("FLINK_API_KEY", "k"), ("FLINK_API_SECRET", "s"), ("CLOUD_API_KEY", "k"), ("CLOUD_API_SECRET", "s")])
        .output()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_environment_looks_up_its_endpoint_once_in_the_list_of_regions() {
    let simulator = Simulator::new(SimulatorOptions::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, simulator.clone()));
    let folder = tempfile::tempdir().unwrap();
    let plan_in_region = |region: &'static str| {
        let manifest = format!(
            "[project]\nname = \"p\"\n[defaults]\npool = \"main\"\n[pools.main]\nmax_cfu = 5\n\
             [statements.t]\nsql = \"CREATE TABLE t (x INT)\"\n[environments.prod]\n\
             organization = \"00000000-0000-0000-0000-000000000000\"\nid = \"env-sim\"\ncloud = \"aws\"\n\
             region = \"{region}\"\nprivate = true\ncloud_endpoint = \"http://{address}\"\n"
        );
        std::fs::write(folder.path().join("floe.toml"), manifest).unwrap();
        let folder = folder.path().to_owned();
        tokio::task::spawn_blocking(move || run_plan(&folder, &format!("http://{address}")))
    };
    let output = plan_in_region("us-east-1").await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let requests: Vec<String> =
        simulator.requests().into_iter().map(|(method, path)| format!("{method} {path}")).collect();
    assert_eq!(requests.iter().filter(|line| line.contains("/fcpm/v2/regions")).count(), 1, "{requests:#?}");
    assert!(requests.iter().any(|line| line.contains("/statements")), "{requests:#?}");
    let output = plan_in_region("us-nowhere-9").await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).replace('\n', " ");
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("us-nowhere-9") && said.contains("us-east-2"), "{said}");
}
