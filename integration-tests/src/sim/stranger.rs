//! Who has no business here: what they do on a connection.

use super::scenario::Manners;
use super::world::{Event, World};
use ftp_proto::server::ask::Ending;
use std::net::SocketAddr;

impl World {
    /// A listener has opened: whoever scans for it finds it.
    pub(super) fn strangers_notice(&mut self, at: SocketAddr) {
        for number in 0..self.scenario.strangers.len() {
            let when = self.now + self.scenario.strangers[number].after;
            self.schedule(when, Event::Stranger { number, at });
        }
    }

    pub(super) fn stranger_begins(&mut self, conn: usize, end: usize, manners: Manners) {
        match manners {
            Manners::Silent | Manners::Mirror | Manners::Web => {}
            Manners::Garbage => {
                let garbage = self.random.bytes(100);
                self.send_data(conn, end, garbage);
            }
            Manners::Banner => self.send_data(conn, end, b"220 mail.example ESMTP\r\n".to_vec()),
            Manners::Guess => {
                let mut bytes = b"RNDZ1\r\n\0\0".to_vec();
                bytes.extend(self.random.bytes(23 + 32));
                self.send_data(conn, end, bytes);
            }
            Manners::Leave(how) => self.close_end(conn, end, how),
        }
    }

    pub(super) fn stranger_hears(&mut self, conn: usize, end: usize, manners: Manners) {
        let this = self.wire.end_mut(conn, end);
        let bytes: Vec<u8> = this.inbox.drain(..).collect();
        let over = this.over.is_some();
        let answers = !bytes.is_empty() && !this.shut;
        if answers && manners == Manners::Mirror {
            self.send_data(conn, end, bytes);
        } else if answers && manners == Manners::Web {
            self.send_data(conn, end, b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec());
        }
        if over {
            self.close_end(conn, end, Ending::Close);
        }
    }
}
