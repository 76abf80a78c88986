//! Bytes that went wrong: real files and answers with bytes changed, cut, doubled and put together anew.
//!
//! `FLOE_BYTES` says how many of each are tried (200 by default). The fuzz targets of the same names go further.

mod each;

use fastrand::Rng;
use floe::diff::Request;

use crate::world::World;

/// Another text made of a good one.
fn spoil(good: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for _ in 0..rng.usize(1..6) {
        if bytes.is_empty() {
            return bytes;
        }
        let (at, other) = (rng.usize(0..bytes.len()), rng.usize(0..bytes.len()));
        match rng.u8(0..6) {
            0 => bytes[at] = rng.u8(..),
            1 => bytes.truncate(at),
            2 => drop(bytes.remove(at)),
            3 => bytes.swap(at, other),
            4 => {
                let (from, to) = (at.min(other), at.max(other));
                let piece = bytes[from..to.min(from + 200)].to_vec();
                let into = rng.usize(0..bytes.len());
                bytes.splice(into..into, piece);
            }
            // A digit for a digit, a quote for a brace: what keeps more of the form.
            _ => bytes[at] = *rng.choice(b"0123456789\"{}[],:-ntf ").unwrap(),
        }
    }
    bytes
}

fn search(good: &[u8], each: fn(&[u8])) {
    let count = std::env::var("FLOE_BYTES").ok().and_then(|count| count.parse().ok()).unwrap_or(200);
    let mut rng = Rng::with_seed(1);
    each(good);
    for _ in 0..count {
        each(&spoil(good, &mut rng));
    }
}

const PROJECT: &str = r#"
[statements.orders]
sql = "CREATE TABLE orders (id STRING, price INT)"
[statements.copy]
sql = "INSERT INTO target SELECT id, price FROM orders"
"#;

async fn converged() -> World {
    let mut world = World::of(PROJECT);
    world.converge().await;
    world
}

#[tokio::test(start_paused = true)]
async fn a_spoiled_state_file_is_an_error_and_stays_as_it_is() {
    let world = converged().await;
    let good = serde_json::to_vec_pretty(&world.recorded().await).unwrap();
    std::thread::spawn(move || search(&good, each::snapshot)).join().unwrap();
}

#[test]
fn a_spoiled_journal_is_an_error_and_stays_as_it_is() {
    let good =
        b"{\"base\":0,\"lineage\":\"lineage\",\"run\":\"r\",\"sum\":\"00000000\"}\n{\"entries\":[],\"sum\":\"0\"}\n";
    search(good, each::journal);
}

#[tokio::test(start_paused = true)]
async fn a_spoiled_plan_is_an_error_or_another_plan() {
    let world = World::of(PROJECT);
    let (plan, _) = world.plan_with(&world.cloud(), &Request::default()).await.unwrap();
    let good = serde_json::to_vec(&plan).unwrap();
    std::thread::spawn(move || search(&good, each::plan)).join().unwrap();
}

#[test]
fn a_spoiled_answer_is_an_error_with_no_secret_in_it() {
    let good = br#"{"data":[{"name":"n","metadata":{"uid":"u","resource_version":"1","labels":null},"spec":{"statement":"SELECT 1","properties":null,"stopped":false},"status":{"phase":"RUNNING","traits":null}}],"metadata":{"next":""}}"#;
    search(&[&[0], good.as_slice()].concat(), each::response);
    let pool = br#"{"id":"lfcp-1","spec":{"display_name":"p","cloud":"AWS","region":"r","max_cfu":5},"status":{"phase":"PROVISIONED","current_cfu":0}}"#;
    search(&[&[0], pool.as_slice()].concat(), each::response);
    let refusal = br#"{"errors":[{"id":"1","status":"409","detail":"no","source":{}}]}"#;
    for status in 4..13 {
        search(&[&[status], refusal.as_slice()].concat(), each::response);
    }
}
