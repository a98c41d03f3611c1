//! A scripted SOCKS5 proxy (RFC 1928) at an address of its own: it connects from there, knows names that nobody else
//! knows, and misbehaves as it is told.

use crate::socket;
use std::io::{Read, Write, copy};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What the proxy does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Conduct {
    /// It connects whoever asks.
    Works,
    /// It connects whoever knows this user and password.
    Asks(&'static str, &'static str),
    /// It answers every request with this reply.
    Replies(u8),
    /// It speaks something else.
    Lies,
    /// It closes each connection after its first bytes.
    Dies,
    /// It takes connections and says nothing.
    Silent,
    /// It connects whoever asks the first time, and refuses everything afterwards.
    WorksOnce,
    /// It connects to this address, and refuses every other one.
    Only(SocketAddr),
}

/// A proxy that runs until the test ends.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    conduct: Conduct,
    names: Vec<(String, IpAddr)>,
    /// What it was asked for: `192.0.2.1:21`, or a name and a port.
    asked: Arc<Mutex<Vec<String>>>,
    /// Connections that it keeps open without a word.
    held: Arc<Mutex<Vec<TcpStream>>>,
}

impl Proxy {
    /// Starts a proxy at this address. It knows these names.
    pub fn start(ip: &str, conduct: Conduct, names: &[(&str, IpAddr)]) -> Self {
        let listener = socket::listen(ip, 0);
        let proxy = Self {
            address: listener.local_addr().unwrap(),
            conduct,
            names: names.iter().map(|(name, ip)| ((*name).to_owned(), *ip)).collect(),
            asked: Arc::default(),
            held: Arc::default(),
        };
        let serving = proxy.clone();
        thread::spawn(move || serving.serve(&listener));
        proxy
    }

    /// The value of `--proxy`.
    pub fn url(&self) -> String {
        format!("socks5://{}", self.address)
    }

    /// What it was asked for, in this order.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn serve(self, listener: &TcpListener) {
        for client in listener.incoming() {
            let (proxy, client) = (self.clone(), client.unwrap());
            // A client that goes away in the middle ends its own thread only.
            thread::spawn(move || proxy.talk(client));
        }
    }

    fn talk(&self, mut client: TcpStream) -> std::io::Result<()> {
        let mut greeting = [0; 2];
        client.read_exact(&mut greeting)?;
        let mut methods = vec![0; greeting[1].into()];
        client.read_exact(&mut methods)?;
        match &self.conduct {
            Conduct::Lies => return client.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
            Conduct::Dies => return Ok(()),
            Conduct::Silent => {
                self.held.lock().unwrap().push(client);
                return Ok(());
            }
            Conduct::Asks(user, password) => {
                if !methods.contains(&LOGIN) {
                    return client.write_all(&[5, 0xFF]);
                }
                client.write_all(&[5, LOGIN])?;
                let right = login(&mut client)? == ((*user).to_owned(), (*password).to_owned());
                client.write_all(&[1, u8::from(!right)])?;
                if !right {
                    return Ok(());
                }
            }
            Conduct::Works | Conduct::Replies(_) | Conduct::WorksOnce | Conduct::Only(_) => {
                client.write_all(&[5, 0])?;
            }
        }
        let (asked, to) = self.request(&mut client)?;
        let before = {
            let mut all = self.asked.lock().unwrap();
            all.push(asked);
            all.len() - 1
        };
        match (&self.conduct, to) {
            (Conduct::Replies(code), _) => reply(&mut client, *code),
            (Conduct::WorksOnce, _) if before > 0 => reply(&mut client, NOT_ALLOWED),
            (Conduct::Only(one), to) if to != Some(*one) => reply(&mut client, HOST_UNREACHABLE),
            (_, None) => reply(&mut client, HOST_UNREACHABLE),
            (_, Some(to)) => match socket::try_connect(SocketAddr::new(self.address.ip(), 0), to) {
                Ok(server) => {
                    reply(&mut client, 0)?;
                    join(client, server);
                    Ok(())
                }
                Err(_) => reply(&mut client, REFUSED),
            },
        }
    }

    /// Reads a CONNECT: what it names, and the address of it if there is one.
    fn request(&self, client: &mut TcpStream) -> std::io::Result<(String, Option<SocketAddr>)> {
        let mut head = [0; 4];
        client.read_exact(&mut head)?;
        assert_eq!(head[..3], [5, 1, 0], "CONNECT is the only command");
        let ip = match head[3] {
            1 => IpAddr::from(bytes_of::<4>(client)?),
            4 => IpAddr::from(bytes_of::<16>(client)?),
            _ => {
                let name = field(client)?;
                let port = u16::from_be_bytes(bytes_of(client)?);
                let known = self.names.iter().find(|(known, _)| *known == name);
                return Ok((format!("{name}:{port}"), known.map(|(_, ip)| SocketAddr::new(*ip, port))));
            }
        };
        let to = SocketAddr::new(ip, u16::from_be_bytes(bytes_of(client)?));
        Ok((to.to_string(), Some(to)))
    }
}

/// Reads user and password (RFC 1929).
fn login(client: &mut TcpStream) -> std::io::Result<(String, String)> {
    bytes_of::<1>(client)?;
    Ok((field(client)?, field(client)?))
}

fn field(client: &mut TcpStream) -> std::io::Result<String> {
    let [length] = bytes_of(client)?;
    let mut bytes = vec![0; length.into()];
    client.read_exact(&mut bytes)?;
    Ok(String::from_utf8(bytes).unwrap())
}

fn bytes_of<const N: usize>(client: &mut TcpStream) -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    client.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// The address in the reply is that of nobody: no client needs it.
fn reply(client: &mut TcpStream, code: u8) -> std::io::Result<()> {
    client.write_all(&[5, code, 0, 1, 0, 0, 0, 0, 0, 0])
}

/// Carries bytes in both directions until both have ended.
fn join(client: TcpStream, server: TcpStream) {
    let carry = |mut from: TcpStream, mut to: TcpStream| {
        thread::spawn(move || {
            let done = copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
            done
        })
    };
    for connection in [&client, &server] {
        connection.set_read_timeout(None).unwrap();
        connection.set_write_timeout(None).unwrap();
    }
    let (one, two) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let directions = [carry(client, server), carry(two, one)];
    for direction in directions {
        let _ = direction.join();
    }
}

/// User and password (RFC 1928 section 3).
const LOGIN: u8 = 2;
/// Replies (RFC 1928 section 6).
const NOT_ALLOWED: u8 = 2;
const HOST_UNREACHABLE: u8 = 4;
const REFUSED: u8 = 5;
