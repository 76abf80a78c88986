//! The world behind a port: both APIs on one origin.
use super::Simulator;
/// Serves.
pub async fn serve(_l: tokio::net::TcpListener, _s: Simulator) -> std::io::Result<()> {
    Ok(())
}
