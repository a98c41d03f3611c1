//! Listeners and their connections: seats, limits of time and size, and the end of the daemon.

use super::call::{Peer, Web};
use super::error::{ApiError, ErrorCode, Result};
use super::fleet::Fleet;
use super::guard::{ClientGroup, Guard};
use super::route;
use axum::Router;
use axum::body::Body;
use ftp_io::connection;
use ftp_io::crowd::{Crowd, CrowdPlace};
use ftp_io::socket::{self, ACCEPT_RETRY_DELAY, LocalListener, Stream};
use ftp_io::tls;
use ftp_proto::address::Group;
use ftp_proto::fair::{Bounds, GivesWay};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Where requests come from.
#[derive(Debug)]
pub enum Listener {
    /// A port of this host.
    Tcp {
        /// The socket that listens.
        listener: socket::Listener,
        /// TLS, if connections are inside it.
        tls: Option<Arc<tls::Server>>,
    },
    /// A socket in the file system.
    Unix {
        /// The socket that listens.
        listener: LocalListener,
        /// Who is at the other end.
        trust: UnixTrust,
    },
}

/// Who is at the other end of a socket in the file system.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum UnixTrust {
    /// The user of the daemon. Nobody else is let in, and no token is needed.
    SameUser {
        /// The name of the user, which is the owner of the jobs.
        name: String,
        /// The number of the user.
        uid: u32,
    },
    /// A proxy. Tokens are needed as everywhere.
    Proxy,
}

/// What the operator has chosen.
#[derive(Clone)]
pub struct WebSettings {
    /// The name of the daemon, which the page shows.
    pub name: String,
    /// Names of this host beside its address and localhost.
    pub hosts: Vec<String>,
    /// Whether the address that a proxy tells counts, on sockets of the file system.
    pub trust_proxy: bool,
    /// Which addresses may read the metrics without a token.
    pub metrics_from: Arc<dyn Fn(IpAddr) -> bool + Send + Sync>,
    /// How long an unfinished head may take.
    pub head_timeout: Duration,
    /// The largest number of connections.
    pub connections: usize,
    /// The largest number of streams of events, which are no longer counted as connections.
    pub streams: usize,
}

impl Default for WebSettings {
    fn default() -> Self {
        Self {
            name: "ftp-user".to_owned(),
            hosts: Vec::new(),
            trust_proxy: false,
            metrics_from: Arc::new(|_| false),
            head_timeout: Duration::from_secs(10),
            connections: 256,
            streams: 1024,
        }
    }
}

/// A connection, as its requests see it.
pub(crate) struct Connection {
    /// Takes the place among the streams, which the connection has from then on.
    moved: mpsc::Sender<CrowdPlace<ClientGroup>>,
    streams: Arc<Crowd<ClientGroup>>,
    /// Becomes true when the daemon ends.
    pub(crate) stopping: watch::Receiver<bool>,
}

impl Connection {
    /// Takes a place among the streams of events, and gives back the one among the connections.
    ///
    /// # Errors
    ///
    /// All places are taken.
    pub(crate) fn become_stream(&self, who: ClientGroup) -> Result<()> {
        let place = self.streams.enter(who);
        let place = place.ok_or_else(|| ApiError::unavailable("too many streams of events are open"))?;
        // A connection that has ended needs none.
        let _ = self.moved.try_send(place);
        Ok(())
    }
}

/// What all connections share.
#[derive(Clone)]
struct Front {
    web: Arc<Web>,
    router: Router,
    connections: Arc<Crowd<ClientGroup>>,
    streams: Arc<Crowd<ClientGroup>>,
    head_timeout: Duration,
    stopping: watch::Receiver<bool>,
}

impl Front {
    fn new(fleet: Arc<dyn Fleet>, settings: WebSettings, stopping: watch::Receiver<bool>) -> Self {
        let (connections, streams) = (crowd(settings.connections), crowd(settings.streams));
        let head_timeout = settings.head_timeout;
        let web = Arc::new(Web { fleet, settings, guard: Guard::default() });
        Self { router: route::router(Arc::clone(&web)), web, connections, streams, head_timeout, stopping }
    }
}

/// Answers requests until `stop` is ready, and a few seconds longer for those that are being answered.
pub async fn serve(
    listeners: Vec<Listener>,
    fleet: Arc<dyn Fleet>,
    settings: WebSettings,
    stop: impl Future<Output = ()>,
) {
    let (told, stopping) = watch::channel(false);
    let front = Front::new(fleet, settings, stopping);
    let mut loops = JoinSet::new();
    for listener in listeners {
        loops.spawn(accept(listener, front.clone()));
    }
    stop.await;
    let _ = told.send(true);
    let all = async { while loops.join_next().await.is_some() {} };
    let _ = timeout(LAST_ANSWERS, all).await;
}

/// Answers the requests of one connection until it ends, as those of a client at 127.0.0.1 that has connected to 127.0.0.1:8990.
pub async fn serve_one(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    fleet: Arc<dyn Fleet>,
    settings: WebSettings,
) {
    let (_running, stopping) = watch::channel(false);
    let front = Front::new(fleet, settings, stopping);
    let at = IpAddr::from(Ipv4Addr::LOCALHOST);
    let (who, local) = (ClientGroup::Address(Group::of(at)), Some(SocketAddr::new(at, 8990)));
    let peer = Peer { who, address: Some(at), local, is_tls: false, user: None };
    if let Some(place) = front.connections.enter(who) {
        converse(stream, peer, place, front).await;
    }
}

/// Accepts connections until the daemon ends, and waits for theirs.
async fn accept(listener: Listener, front: Front) {
    let mut open = JoinSet::new();
    let mut stopping = front.stopping.clone();
    loop {
        tokio::select! {
            accepted = next(&listener) => match accepted {
                Ok(Some(arrival)) => {
                    // Only the daemon's own socket tells a user. A command that has changed the queue connects to it.
                    if arrival.peer.user.is_some() {
                        front.web.fleet.store_may_have_changed();
                    }
                    open.spawn(greet(arrival, front.clone()));
                }
                Ok(None) => {}
                // Too many open files, as a rule: those that are open have to end first.
                Err(_) => sleep(ACCEPT_RETRY_DELAY).await,
            },
            Some(_) = open.join_next() => {}
            _ = stopping.changed() => break,
        }
    }
    drop(listener);
    while open.join_next().await.is_some() {}
}

/// A connection that has come, before its handshake.
struct Arrival {
    peer: Peer,
    stream: Stream,
    tls: Option<Arc<tls::Server>>,
}

/// Waits for the next connection; `None` if somebody has come who may not.
async fn next(listener: &Listener) -> io::Result<Option<Arrival>> {
    match listener {
        Listener::Tcp { listener, tls } => {
            let (stream, from) = listener.accept().await?;
            let _ = socket::nodelay(&stream);
            let local = stream.local_addr().ok();
            let peer = Peer {
                who: ClientGroup::Address(Group::of(from.ip())),
                address: Some(from.ip()),
                local,
                is_tls: tls.is_some(),
                user: None,
            };
            Ok(Some(Arrival { peer, stream, tls: tls.clone() }))
        }
        Listener::Unix { listener, trust } => {
            let (stream, uid) = listener.accept().await?;
            let user = match trust {
                UnixTrust::SameUser { uid: own, .. } if uid != *own => return Ok(None),
                UnixTrust::SameUser { name, .. } => Some(Arc::from(name.as_str())),
                UnixTrust::Proxy => None,
            };
            let peer = Peer { who: ClientGroup::Socket, address: None, local: None, is_tls: false, user };
            Ok(Some(Arrival { peer, stream: stream.into(), tls: None }))
        }
    }
}

/// Gives a connection its place, and answers its requests.
async fn greet(arrival: Arrival, front: Front) {
    let Arrival { peer, stream, tls } = arrival;
    let Some(mut place) = front.connections.enter(peer.who) else { return };
    let accepting = async {
        match tls {
            None => Ok(connection::Connection::from(stream)),
            Some(tls) => tls.session()?.accept(stream).await.map(|(connection, _)| connection),
        }
    };
    let ready = tokio::select! {
        ready = timeout(front.head_timeout, accepting) => ready,
        () = place.displaced() => return,
    };
    let Ok(Ok(stream)) = ready else { return };
    converse(stream, peer, place, front).await;
}

/// Answers the requests of a connection.
async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: Peer,
    mut place: CrowdPlace<ClientGroup>,
    front: Front,
) {
    let mut stopping = front.stopping.clone();
    let (moved, mut places) = mpsc::channel(1);
    let connection =
        Arc::new(Connection { moved, streams: Arc::clone(&front.streams), stopping: front.stopping.clone() });
    let router = TowerToHyperService::new(front.router);
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer.clone());
        request.extensions_mut().insert(Arc::clone(&connection));
        router.call(request)
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(front.head_timeout).max_buf_size(HEAD_BUFFER);
    let mut requests = http.serve_connection(TokioIo::new(stream), service);
    let mut is_told = *stopping.borrow();
    let failed = loop {
        tokio::select! {
            ended = poll_fn(|context| Pin::new(&mut requests).poll(context)) => break ended.err(),
            () = place.displaced() => return,
            Some(of_stream) = places.recv() => place = of_stream,
            _ = stopping.changed(), if !is_told => {
                is_told = true;
                Pin::new(&mut requests).graceful_shutdown();
            }
        }
    };
    if failed.is_some_and(|failed| failed.is_timeout()) {
        let parts = requests.into_parts();
        if !parts.read_buf.is_empty() {
            let mut stream = parts.io.into_inner();
            let say = pin!(async {
                stream.write_all(too_slow().as_bytes()).await?;
                stream.shutdown().await
            });
            let _ = timeout(front.head_timeout, say).await;
        }
    }
}

/// So many places. A newcomer displaces the oldest connection of whoever has more than a fair share, and none of its own.
fn crowd(places: usize) -> Arc<Crowd<ClientGroup>> {
    Crowd::bounded(Bounds { to_own: GivesWay::Newest, ..Bounds::new(places) })
}

/// What a client is told that has not finished its head in time.
fn too_slow() -> String {
    let error = ApiError::new(ErrorCode::Timeout, "the head of the request did not come in time");
    let body = error.body().to_string();
    format!(
        "HTTP/1.1 408 Request Timeout\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         cache-control: no-store\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// For how long requests are answered after the daemon was told to end.
const LAST_ANSWERS: Duration = Duration::from_secs(5);
/// The size of the buffer for a head. It is larger than the limit, so that most heads that are too large get
/// an answer in JSON.
const HEAD_BUFFER: usize = 24 * 1024;
