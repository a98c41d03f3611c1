//! A client of the API of a daemon: one request, one connection.

use axum::body::{Body, BodyDataStream, to_bytes};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use ftp_io::connection::Connection;
use hyper::body::Incoming;
use hyper::client::conn::http1::handshake;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::error::Error;
use std::io;

/// What is asked of a daemon.
#[derive(Clone, Debug)]
pub struct Question {
    /// The method of HTTP.
    pub method: Method,
    /// The path with its query, below `/api/v1`.
    pub path: String,
    /// What is sent.
    pub body: Option<Value>,
}

/// The daemon that is asked, and who asks.
#[derive(Clone, Debug, Default)]
pub struct Asker {
    /// The host of its URL, with the port.
    pub host: String,
    /// The head that tells the token; empty at its own socket.
    pub authorization: String,
}

/// What has answered is no daemon: it speaks something else.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoDaemon {
    /// It speaks HTTP.
    #[error("an HTTP server that is no daemon of ftp-user")]
    OtherServer,
    /// It does not.
    #[error("no HTTP server")]
    NoHttp,
}

impl NoDaemon {
    /// What an error says of the other end, if it says that this is no daemon.
    pub fn of(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref().copied()
    }
}

impl Asker {
    /// Asks, and reads the whole answer: whether it is good, and its object.
    ///
    /// # Errors
    ///
    /// The connection fails, or the answer is not JSON or too long.
    pub async fn ask(&self, connection: Connection, question: Question) -> io::Result<(StatusCode, Value)> {
        read(self.send(connection, question).await?).await
    }

    /// Asks for a stream of events. The inner `Err` is the object of a refusal.
    ///
    /// # Errors
    ///
    /// The connection fails.
    pub async fn follow(
        &self,
        connection: Connection,
        question: Question,
    ) -> io::Result<Result<BodyDataStream, Value>> {
        let answer = self.send(connection, question).await?;
        match answer.status().is_success() {
            true => Ok(Ok(Body::new(answer.into_body()).into_data_stream())),
            false => read(answer).await.map(|(_, object)| Err(object)),
        }
    }

    async fn send(&self, connection: Connection, question: Question) -> io::Result<Response<Incoming>> {
        let (mut sender, connection) = handshake(TokioIo::new(connection)).await.map_err(io::Error::other)?;
        let connection = tokio::spawn(connection);
        let Question { method, path, body } = question;
        let mut request =
            Request::builder().method(method).uri(format!("/api/v1{path}")).header(HOST, &self.host);
        if !self.authorization.is_empty() {
            request = request.header(AUTHORIZATION, &self.authorization);
        }
        let body = match body {
            Some(body) => {
                request = request.header(CONTENT_TYPE, "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        let request = request.body(body).map_err(io::Error::other)?;
        let error = match sender.send_request(request).await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        // An FTP server speaks first, so that the request may not even be sent. A daemon that ends may close the connection before.
        let has_spoken = |why: &hyper::Error| why.source().is_none() && !why.is_incomplete_message();
        let is_no_http = error.is_parse()
            || error.is_canceled()
                && match error.source().and_then(<dyn Error>::downcast_ref) {
                    Some(why) => has_spoken(why),
                    None => matches!(connection.await, Ok(Err(why)) if has_spoken(&why)),
                };
        Err(if is_no_http { io::Error::other(NoDaemon::NoHttp) } else { io::Error::other(error) })
    }
}

/// Reads an answer: its status, and its object.
async fn read(answer: Response<Incoming>) -> io::Result<(StatusCode, Value)> {
    let status = answer.status();
    let bytes = to_bytes(Body::new(answer.into_body()), MOST_BYTES).await.map_err(io::Error::other)?;
    let object = serde_json::from_slice(&bytes);
    Ok((status, object.map_err(|_| io::Error::other(NoDaemon::OtherServer))?))
}

/// The largest answer in bytes.
const MOST_BYTES: usize = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;
    use tokio::net::{TcpListener, TcpStream};

    #[tokio::test]
    async fn who_speaks_first_is_no_daemon_and_one_that_ends_may_be_one() {
        for (said, expect) in [("220 ready\r\n", Some(NoDaemon::NoHttp)), ("", None)] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (mut other, _) = listener.accept().await.unwrap();
            other.write_all(said.as_bytes()).await.unwrap();
            drop(other);
            stream.readable().await.unwrap();
            let question = Question { method: Method::GET, path: "/jobs".to_owned(), body: None };
            let error = Asker::default().ask(Connection::from(stream), question).await.unwrap_err();
            assert_eq!(NoDaemon::of(&error), expect, "{said:?}: {error}");
        }
    }
}
