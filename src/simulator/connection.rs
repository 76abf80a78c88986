//! TCP connections that a fault can break: at once, or in the middle of a response body.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use axum::serve::Listener;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};

/// A listener whose connections can be broken.
pub(super) struct BreakableListener(pub(super) TcpListener);

/// A connection that its breaker can break.
pub(super) struct BreakableConnection {
    /// The underlying TCP connection.
    stream: TcpStream,
    /// The handle that breaks this connection.
    breaker: ConnectionBreaker,
}

/// A handle that breaks one connection.
#[derive(Clone)]
pub(super) struct ConnectionBreaker(Arc<Mutex<BreakerState>>);

/// How much more may be written to a connection.
enum BreakerState {
    /// Writes are not limited.
    Intact,
    /// Writes end after the head and this many bytes of the body. The last bytes of the head seen so far are kept to
    /// find its end.
    TruncateAfterHead(usize, Vec<u8>),
    /// Writes end after this many further bytes.
    TruncateInBody(usize),
    /// The connection is broken; nothing is read or written.
    Broken,
}

impl ConnectionBreaker {
    /// Breaks the connection before anything more is written.
    pub(super) fn break_now(&self) {
        self.set_state(BreakerState::Broken);
    }

    /// Breaks the connection after the head of the next response and `keep` bytes of its body.
    pub(super) fn truncate_body(&self, keep: usize) {
        self.set_state(BreakerState::TruncateAfterHead(keep, Vec::new()));
    }

    /// Replaces the state of the breaker.
    fn set_state(&self, state: BreakerState) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// Returns how many of `bytes` may be written.
    fn writable_length(&self, bytes: &[u8]) -> usize {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            BreakerState::Intact => bytes.len(),
            BreakerState::TruncateAfterHead(keep, seen) => {
                let head = head_length(seen, bytes);
                head.map_or(bytes.len(), |head| head.saturating_add(*keep).min(bytes.len()))
            }
            BreakerState::TruncateInBody(keep) => (*keep).min(bytes.len()),
            BreakerState::Broken => 0,
        }
    }

    /// Counts `bytes` that were written, and breaks the connection when nothing more may follow.
    fn record_written(&self, bytes: &[u8]) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *state {
            BreakerState::Intact | BreakerState::Broken => {}
            BreakerState::TruncateAfterHead(keep, seen) => match head_length(seen, bytes) {
                Some(head) => {
                    *state = BreakerState::TruncateInBody(keep.saturating_sub(bytes.len().saturating_sub(head)))
                }
                None => {
                    seen.extend_from_slice(bytes);
                    let begin = seen.len().saturating_sub(3);
                    seen.drain(..begin);
                }
            },
            BreakerState::TruncateInBody(keep) => *keep = keep.saturating_sub(bytes.len()),
        }
        if matches!(*state, BreakerState::TruncateInBody(0)) {
            *state = BreakerState::Broken;
        }
    }

    /// Returns whether the connection is broken.
    fn is_broken(&self) -> bool {
        matches!(
            &*self.0.lock().unwrap_or_else(PoisonError::into_inner),
            BreakerState::Broken | BreakerState::TruncateInBody(0)
        )
    }
}

/// Returns how many of `bytes` belong to the response head, of which `seen` are the last bytes so far; `None` if the
/// head does not end in `bytes`.
fn head_length(seen: &[u8], bytes: &[u8]) -> Option<usize> {
    let whole: Vec<u8> = seen.iter().chain(bytes).copied().collect();
    let end = whole.windows(4).position(|four| four == b"\r\n\r\n")?.saturating_add(4);
    Some(end.saturating_sub(seen.len()))
}

impl BreakableConnection {
    /// Returns a handle that breaks this connection.
    pub(super) fn breaker(&self) -> ConnectionBreaker {
        self.breaker.clone()
    }
}

impl Listener for BreakableListener {
    type Io = BreakableConnection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (BreakableConnection, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        // Responses are small. If the option cannot be set, they are only slower.
        let _ = stream.set_nodelay(true);
        (
            BreakableConnection { stream, breaker: ConnectionBreaker(Arc::new(Mutex::new(BreakerState::Intact))) },
            address,
        )
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// Returns the error of a broken connection.
fn broken_error() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "connection closed by an injected fault")
}

impl AsyncRead for BreakableConnection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.breaker.is_broken() {
            return Poll::Ready(Err(broken_error()));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for BreakableConnection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let writable = self.breaker.writable_length(bytes);
        let part = bytes.get(..writable).unwrap_or_default();
        if part.is_empty() && !bytes.is_empty() {
            return Poll::Ready(Err(broken_error()));
        }
        let written = std::task::ready!(Pin::new(&mut self.stream).poll_write(context, part))?;
        self.breaker.record_written(part.get(..written).unwrap_or_default());
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
