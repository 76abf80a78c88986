//! Connections that can be broken: at once, or in the middle of a body.

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

/// Listens, and gives out lines.
pub(super) struct BreakableListener(pub(super) TcpListener);

/// A connection with a breaker.
pub(super) struct BreakableConnection {
    stream: TcpStream,
    breaker: ConnectionBreaker,
}

/// Breaks one connection.
#[derive(Clone)]
pub(super) struct ConnectionBreaker(Arc<Mutex<BreakerState>>);

enum BreakerState {
    Intact,
    /// Writes end after the head and so many bytes of the body. Holds the last bytes of the head seen so far.
    TruncateAfterHead(usize, Vec<u8>),
    TruncateInBody(usize),
    Broken,
}

impl ConnectionBreaker {
    /// Nothing more is written.
    pub(super) fn break_now(&self) {
        self.set_state(BreakerState::Broken);
    }

    /// The head of the next response is written, and so many bytes of its body.
    pub(super) fn truncate_body(&self, keep: usize) {
        self.set_state(BreakerState::TruncateAfterHead(keep, Vec::new()));
    }

    fn set_state(&self, state: BreakerState) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// How many of `bytes` may be written.
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

    /// `bytes` were written.
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

    fn is_broken(&self) -> bool {
        matches!(
            &*self.0.lock().unwrap_or_else(PoisonError::into_inner),
            BreakerState::Broken | BreakerState::TruncateInBody(0)
        )
    }
}

/// How many of `bytes` belong to a head of which `seen` came before; `None` if it does not end in them.
fn head_length(seen: &[u8], bytes: &[u8]) -> Option<usize> {
    let whole: Vec<u8> = seen.iter().chain(bytes).copied().collect();
    let end = whole.windows(4).position(|four| four == b"\r\n\r\n")?.saturating_add(4);
    Some(end.saturating_sub(seen.len()))
}

impl BreakableConnection {
    pub(super) fn breaker(&self) -> ConnectionBreaker {
        self.breaker.clone()
    }
}

impl Listener for BreakableListener {
    type Io = BreakableConnection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (BreakableConnection, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        // Answers are small; if the option cannot be set they are only slower.
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

fn broken_error() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "the connection was broken on purpose")
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
