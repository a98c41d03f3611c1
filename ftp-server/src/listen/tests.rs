//! Many sessions in one thread, so that the order in which they are served is certain.

use std::net::SocketAddr;

use clap::Parser;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::{Server, Sockets};
use crate::cli::Cli;
use crate::config::{Config, File};

/// Clients that send commands without an end.
const FLOODS: usize = 8;
/// Commands that each of them has sent before anybody is served.
const COMMANDS: usize = 50_000;

fn start(options: &str) -> (Server, SocketAddr) {
    let words = ["ftp-server", "--root", "/"].into_iter().chain(options.split_whitespace());
    let config = Config::compile(*Cli::try_parse_from(words).unwrap().options, &File::default()).unwrap();
    let sockets = Sockets::open(&config, Vec::new()).unwrap();
    let server = Server::start(&config, sockets, Default::default()).unwrap();
    let at = server.places().next().unwrap().0;
    (server, at)
}

/// A client that has been greeted.
async fn connect(at: SocketAddr) -> BufReader<TcpStream> {
    let mut client = BufReader::new(TcpStream::connect(at).await.unwrap());
    assert!(line(&mut client).await.starts_with("220 "));
    client
}

async fn line(client: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    client.read_line(&mut line).await.unwrap();
    line
}

/// Strangers send very many commands and then the innocent one sends a single one. It is answered before
/// the server has got far with those of the others, although they came first.
#[tokio::test]
async fn pipelined_commands_keep_nobody_waiting() {
    let (_server, at) = start("--user ann:secret --listen 127.0.0.2:0");
    let mut floods = Vec::new();
    for _ in 0..FLOODS {
        floods.push(connect(at).await.into_inner());
    }
    let mut innocent = connect(at).await;
    let commands = "NOOP\r\n".repeat(COMMANDS);
    for flood in &floods {
        // Nothing is awaited here: no session runs before all commands are there.
        let mut rest = commands.as_bytes();
        while let Ok(count @ 1..) = flood.try_write(rest) {
            rest = &rest[count..];
        }
        assert!(rest.len() < commands.len() / 2, "{} bytes do not fit", rest.len());
    }
    innocent.write_all(b"NOOP\r\n").await.unwrap();
    assert!(line(&mut innocent).await.starts_with("200 "));
    let answered: usize = floods.iter().map(unread).sum();
    let all = FLOODS * COMMANDS;
    assert!(answered < all / 20, "{answered} of {all} commands of others came first");
}

/// How many replies wait to be read.
fn unread(client: &TcpStream) -> usize {
    const REPLY: usize = "200 NOOP done\r\n".len();
    usize::try_from(rustix::io::ioctl_fionread(client).unwrap()).unwrap() / REPLY
}
