//! What a scraper sees of a server.

use std::io::{Read, Write};
use std::net::TcpStream;

use rustix::process::Signal;

use crate::server::{Client, Server};

/// Everything that the server answers to a GET of `path`.
fn get(server: &Server, path: &str) -> String {
    let mut stream = TcpStream::connect(server.address(1)).unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    said
}

fn has(page: &str, lines: &[&str]) {
    for line in lines {
        assert!(page.lines().any(|found| found == *line), "{line}:\n{page}");
    }
}

#[test]
fn metrics_count_what_clients_do_and_name_none_of_them() {
    let server = Server::start(
        "--user ann:secret --listen 127.0.0.2:0 --metrics 127.0.0.2:0 --max-sessions 2 --foreign authenticated \
         --foreign-networks 127.0.0.0/8",
    );
    assert!(server.ready[1].ends_with(" (metrics)"), "{:?}", server.ready);
    let mut ann = Client::login(&server);
    let _eve = Client::connect(&server).tries("eve", "guess", "530");
    Client::connect(&server).expect("421");
    ann.say("TYPE I", "200");
    ann.store(&server, "STOR file");
    ann.say("MKD sub", "257");
    ann.say("RMD nothing", "550");
    ann.say("EPRT |1|127.0.0.1|25|", "504");
    // B19: the server's own listeners are no targets, this one neither.
    let own = format!("EPRT |1|127.0.0.2|{}|", server.address(1).port());
    ann.say(&own, "504");
    let page = get(&server, "/metrics");
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
    has(
        &page,
        &[
            "ftp_server_sessions 2",
            "ftp_server_connections_total 2",
            "ftp_server_logins_total{done=\"yes\"} 1",
            "ftp_server_logins_total{done=\"no\"} 1",
            "ftp_server_turned_away_total{reason=\"max-sessions\"} 1",
            "ftp_server_transfers_total{command=\"STOR\",done=\"yes\"} 1",
            "ftp_server_bytes_total{direction=\"received\"} 7",
            "ftp_server_changes_total{command=\"MKD\",done=\"yes\"} 1",
            "ftp_server_changes_total{command=\"RMD\",done=\"no\"} 1",
            "ftp_server_data_refused_total{reason=\"LowPort\"} 1",
            "ftp_server_data_refused_total{reason=\"OwnListener\"} 1",
            "ftp_server_limit_used{limit=\"max-sessions\",beyond=\"gives-way\"} 2",
            "ftp_server_limit_bound{limit=\"max-sessions\",beyond=\"gives-way\"} 2",
            "ftp_server_log_lines_lost_total 0",
            "# EOF",
        ],
    );
    for name in ["ann", "eve", "guess", "secret", "127.0.0"] {
        assert!(!page.contains(name), "{name}:\n{page}");
    }
    assert!(get(&server, "/healthz").ends_with("\r\n\r\nok\n"));
    assert!(get(&server, "/").starts_with("HTTP/1.1 404 "));
    assert_eq!(server.stop(Signal::TERM).0.code(), Some(0));
}
