//! Who may log in, and what an account may see.

use super::Harness;
use crate::policy::Foreign;
use crate::server::ask::{Account, Answer, Ticket};
use crate::wire::{Fingerprint, Secret};
use std::net::SocketAddr;

impl Harness {
    pub(super) fn login(&mut self, ticket: Ticket, user: Vec<u8>, password: &Secret) {
        let anonymous = user == b"anonymous";
        let known = password.expose() == b"secret" || anonymous;
        let account = if anonymous {
            Account { foreign: Foreign::Authenticated, ..Account::anonymous() }
        } else {
            let charged_to = (user == b"charged").then(|| Secret::new("dept"));
            let (access, admin, exchanges) = (self.access.clone(), self.admin, self.exchanges.clone());
            Account { access, admin, charged_to, exchanges, ..Account::new(user) }
        };
        self.answer(ticket, Answer::Login(known.then_some(account)));
    }

    pub(super) fn recognise(&mut self, ticket: Ticket, user: Vec<u8>, certificate: Fingerprint) {
        let known = user == b"u" && self.recognises == Some(certificate);
        self.answer(ticket, Answer::Login(known.then(|| Account::new(user))));
    }

    pub(super) fn tell_limits(&mut self, ticket: Ticket) {
        self.answer(ticket, Answer::Limits(vec!["max-sessions 1/10 gives-way".to_owned()]));
    }

    pub(super) fn ask_permit(&mut self, ticket: Ticket, account: &[u8], target: SocketAddr) {
        self.did.push(format!("permit {} {target}", String::from_utf8_lossy(account)));
        match self.permit {
            Some(may) => self.answer(ticket, Answer::Permit(may)),
            None => self.permits.push_back(ticket),
        }
    }
}
