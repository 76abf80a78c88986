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
pub(super) struct Lines(pub(super) TcpListener);

/// A connection with a breaker.
pub(super) struct Line {
    stream: TcpStream,
    breaker: Breaker,
}

/// Breaks one connection.
#[derive(Clone)]
pub(super) struct Breaker(Arc<Mutex<Mood>>);

enum Mood {
    Whole,
    /// Writes end after the head and so many bytes of the body. Holds the last bytes of the head seen so far.
    InHead(usize, Vec<u8>),
    InBody(usize),
    Broken,
}

impl Breaker {
    /// Nothing more is written.
    pub(super) fn now(&self) {
        self.set(Mood::Broken);
    }

    /// The head of the next response is written, and so many bytes of its body.
    pub(super) fn after_body_bytes(&self, keep: usize) {
        self.set(Mood::InHead(keep, Vec::new()));
    }

    fn set(&self, mood: Mood) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = mood;
    }

    /// How many of `bytes` may be written.
    fn allowed(&self, bytes: &[u8]) -> usize {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Mood::Whole => bytes.len(),
            Mood::InHead(keep, seen) => {
                let head = head_left(seen, bytes);
                head.map_or(bytes.len(), |head| head.saturating_add(*keep).min(bytes.len()))
            }
            Mood::InBody(keep) => (*keep).min(bytes.len()),
            Mood::Broken => 0,
        }
    }

    /// `bytes` were written.
    fn wrote(&self, bytes: &[u8]) {
        let mut mood = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *mood {
            Mood::Whole | Mood::Broken => {}
            Mood::InHead(keep, seen) => match head_left(seen, bytes) {
                Some(head) => *mood = Mood::InBody(keep.saturating_sub(bytes.len().saturating_sub(head))),
                None => {
                    seen.extend_from_slice(bytes);
                    let begin = seen.len().saturating_sub(3);
                    seen.drain(..begin);
                }
            },
            Mood::InBody(keep) => *keep = keep.saturating_sub(bytes.len()),
        }
        if matches!(*mood, Mood::InBody(0)) {
            *mood = Mood::Broken;
        }
    }

    fn is_broken(&self) -> bool {
        matches!(&*self.0.lock().unwrap_or_else(PoisonError::into_inner), Mood::Broken | Mood::InBody(0))
    }
}

/// How many of `bytes` belong to a head of which `seen` came before; `None` if it does not end in them.
fn head_left(seen: &[u8], bytes: &[u8]) -> Option<usize> {
    let whole: Vec<u8> = seen.iter().chain(bytes).copied().collect();
    let end = whole.windows(4).position(|four| four == b"\r\n\r\n")?.saturating_add(4);
    Some(end.saturating_sub(seen.len()))
}

impl Line {
    pub(super) fn breaker(&self) -> Breaker {
        self.breaker.clone()
    }
}

impl Listener for Lines {
    type Io = Line;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Line, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        // Answers are small; if the option cannot be set they are only slower.
        let _ = stream.set_nodelay(true);
        (Line { stream, breaker: Breaker(Arc::new(Mutex::new(Mood::Whole))) }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "the connection was broken on purpose")
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.breaker.is_broken() {
            return Poll::Ready(Err(broken()));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let allowed = self.breaker.allowed(bytes);
        let part = bytes.get(..allowed).unwrap_or_default();
        if part.is_empty() && !bytes.is_empty() {
            return Poll::Ready(Err(broken()));
        }
        let written = std::task::ready!(Pin::new(&mut self.stream).poll_write(context, part))?;
        self.breaker.wrote(part.get(..written).unwrap_or_default());
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
