//! What a daemon counts, as a page in the text format of OpenMetrics, which Prometheus reads, over as little HTTP/1.1 as
//! a scraper needs: one GET, one answer, the end.

use std::borrow::Cow;
use std::io;
use std::time::Duration;

use ftp_proto::address::{Group, plain};
use ipnet::IpNet;
use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::ConstCounter;
pub use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
pub use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Metric;
pub use prometheus_client::registry::Registry;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::crowd::Crowd;
use crate::socket::{ACCEPT_RETRY_DELAY, Listener, Stream};

/// A label, and its value.
pub type Label = (&'static str, Cow<'static, str>);
/// A counter for all values of some labels.
pub type Counters<const N: usize> = Family<[Label; N], Counter>;
/// A gauge for all values of some labels.
pub type Gauges<const N: usize> = Family<[Label; N], Gauge>;

/// The metrics of a daemon whose names begin with this prefix; the first is its version.
pub fn registry(prefix: &str, about: &str, version: &'static str) -> Registry {
    let mut registry = Registry::with_prefix(prefix);
    registry.register("build", about, Info::new([("version", version)]));
    registry
}

/// The metrics of a daemon that are true now, beside those of its [`registry`].
pub fn registry_of_now(prefix: &str) -> Registry {
    Registry::with_prefix(prefix)
}

/// Makes a metric, and registers it under this name with this description.
pub fn metric<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, about: &str) -> M {
    let metric = M::default();
    registry.register(name, about, metric.clone());
    metric
}

/// Registers a count that somebody else keeps.
pub fn known(registry: &mut Registry, name: &str, about: &str, count: u64) {
    registry.register(name, about, ConstCounter::new(count));
}

/// Counts so many more.
pub fn add(counter: &Counter, count: u64) {
    counter.inc_by(count);
}

/// Counts one more with these labels.
pub fn count<const N: usize>(counters: &Counters<N>, labels: [Label; N]) {
    add(&counters.get_or_create(&labels), 1);
}

/// Sets a gauge to a number of things.
pub fn set(gauge: &Gauge, count: usize) {
    gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
}

/// The page: what was counted, and then what is true now.
pub fn page(counted: &Registry, now: &Registry) -> String {
    let mut page = String::new();
    // A String takes everything.
    let _ = text::encode_registry(&mut page, counted);
    let _ = text::encode_registry(&mut page, now);
    let _ = text::encode_eof(&mut page);
    page
}

/// Answers `GET /metrics` with what `page` gives, and `GET /healthz`. Never returns. If `networks` names any, the
/// connections of others are closed.
///
/// A slow client does not harm others: when there are too many, the oldest one of the address that has most
/// of them is closed.
pub async fn serve(
    listener: Listener,
    networks: Vec<IpNet>,
    page: impl Fn() -> String + Clone + Send + 'static,
) {
    let clients = Crowd::new(MAX_CLIENTS);
    loop {
        let Ok((stream, from)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
            continue;
        };
        let from = plain(from);
        if !networks.is_empty() && !networks.iter().any(|network| network.contains(&from.ip())) {
            continue;
        }
        let Some(mut place) = clients.enter(Group::of(from.ip())) else { continue };
        let page = page.clone();
        tokio::spawn(async move {
            tokio::select! {
                biased;
                _ = timeout(REQUEST_TIMEOUT, answer(stream, page)) => {}
                () = place.displaced() => {}
            }
        });
    }
}

async fn answer(mut stream: Stream, page: impl Fn() -> String) -> io::Result<()> {
    let mut request = Vec::new();
    while !request.windows(END.len()).any(|window| window == END) && request.len() < MAX_REQUEST {
        if (&mut stream).take(MAX_PIECE).read_buf(&mut request).await? == 0 {
            break;
        }
    }
    stream.write_all(response(&request, page).as_bytes()).await?;
    stream.shutdown().await
}

/// The answer to what has come.
fn response(request: &[u8], page: impl Fn() -> String) -> String {
    const TEXT: &str = "text/plain; charset=utf-8";
    let line = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    let (method, path) = (words.next(), words.next());
    let path = path.and_then(|path| path.split(|byte| *byte == b'?').next());
    let (status, kind, body) = match (method, path) {
        (Some(b"GET"), Some(b"/metrics")) => {
            ("HTTP/1.1 200 OK", "application/openmetrics-text; version=1.0.0; charset=utf-8", page())
        }
        (Some(b"GET"), Some(b"/healthz")) => ("HTTP/1.1 200 OK", TEXT, "ok\n".to_owned()),
        (Some(b"GET"), Some(_)) => {
            ("HTTP/1.1 404 Not Found", TEXT, "there are /metrics and /healthz\n".to_owned())
        }
        _ => ("HTTP/1.1 405 Method Not Allowed", TEXT, "only GET is served\n".to_owned()),
    };
    let length = body.len();
    format!("{status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}

/// What a request ends with.
const END: &[u8] = b"\r\n\r\n";
/// How many clients are answered at the same time.
const MAX_CLIENTS: usize = 16;
/// Bytes of a request that are read.
const MAX_REQUEST: usize = 8 * 1024;
/// Bytes that are read at once.
const MAX_PIECE: u64 = 1024;
/// How long a client may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpStream;

    #[test]
    fn two_pages_are_served_and_nothing_else() {
        let check = |request: &str, status: &str| {
            let said = response(request.as_bytes(), || "page\n".to_owned());
            assert!(said.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?}: {said}");
        };
        check("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "200");
        check("GET /metrics?name=x HTTP/1.1\r\n\r\n", "200");
        check("GET /healthz HTTP/1.0\r\n\r\n", "200");
        check("GET / HTTP/1.0\r\n\r\n", "404");
        check("GET /metrics/ HTTP/1.0\r\n\r\n", "404");
        check("POST /metrics HTTP/1.0\r\n\r\n", "405");
        check("", "405");
        check("\r\n", "405");
    }

    /// Everything that the server says to `request`.
    async fn ask(at: std::net::SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(at).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).await.unwrap();
        said
    }

    #[tokio::test]
    async fn clients_that_say_nothing_keep_no_scraper_waiting() {
        let listener = crate::socket::listen("127.0.0.2:0".parse().unwrap()).unwrap();
        let at = listener.local().unwrap();
        let serving = tokio::spawn(serve(listener, Vec::new(), || "page\n".to_owned()));
        let mut silent = Vec::new();
        for _ in 0..3 * MAX_CLIENTS {
            silent.push(TcpStream::connect(at).await.unwrap());
        }
        let said = ask(at, "GET /metrics HTTP/1.1\r\n\r\n").await;
        assert!(said.ends_with("\r\n\r\npage\n"), "{said}");
        // The oldest of them had to make room.
        assert_eq!(silent[0].read(&mut [0]).await.unwrap_or(0), 0);
        serving.abort();
    }

    #[tokio::test]
    async fn only_the_networks_that_are_named_are_answered() {
        for (networks, answered) in [("192.0.2.0/24", false), ("127.0.0.0/8", true)] {
            let listener = crate::socket::listen("127.0.0.2:0".parse().unwrap()).unwrap();
            let at = listener.local().unwrap();
            let serving =
                tokio::spawn(serve(listener, vec![networks.parse().unwrap()], || "page\n".to_owned()));
            let mut stream = TcpStream::connect(at).await.unwrap();
            // It may be closed already.
            let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").await;
            let mut said = Vec::new();
            let _ = stream.read_to_end(&mut said).await;
            assert_eq!(said.ends_with(b"page\n"), answered, "{networks}");
            serving.abort();
        }
    }
}
