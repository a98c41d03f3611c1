//! What a session is doing.

use crate::server::ask::Ticket;
use crate::server::context::{Context, Question};
use crate::server::transfer::{Transfer, request};
use crate::server::{detach, files, inform, login, setup};

/// What the session is doing. A timer ends everything but `Idle` and `Closed`.
#[derive(Debug)]
pub(super) enum Work {
    /// Nothing: the next command may come.
    Idle,
    /// TLS begins or ends on the control connection: nothing that comes meanwhile counts.
    Securing(Ticket),
    /// PASS waits for the driver; so do later commands.
    Login(Question<login::Request>),
    /// A command that sets up a data connection waits for the driver; so do later commands.
    Setup(Question<setup::Request>),
    /// STAT waits for the driver; so do later commands.
    Status(Question<inform::Status>),
    /// A command about files waits for the driver; so do later commands.
    File(Question<files::Request>),
    /// A transfer is under way.
    Transfer(Box<Transfer>),
    /// The session is closed: nothing goes in or out any more.
    Closed,
}

impl Work {
    /// Whether a command may come that must not wait for those before it: ABOR and STAT.
    pub(super) const fn accepts_urgent_commands(&self) -> bool {
        match self {
            Self::Transfer(_) => true,
            Self::File(question) => question.purpose.is_long(),
            Self::Idle
            | Self::Securing(_)
            | Self::Login(_)
            | Self::Setup(_)
            | Self::Status(_)
            | Self::Closed => false,
        }
    }

    /// A command waits for a question, if it has one.
    pub(super) fn wait(&mut self, question: Option<impl Into<Self>>) {
        if let Some(question) = question {
            *self = question.into();
        }
    }

    /// A transfer begins, unless its command was refused.
    pub(super) fn transfer(&mut self, request: Option<request::Request>, cx: &mut Context) {
        if let Some(request) = request {
            let transfer = Transfer::begin(cx, request);
            // PROB may have failed at once.
            if !transfer.is_over() {
                *self = Self::Transfer(Box::new(transfer));
            }
        }
    }
}

impl From<Question<login::Request>> for Work {
    fn from(question: Question<login::Request>) -> Self {
        Self::Login(question)
    }
}

impl From<Question<setup::Request>> for Work {
    fn from(question: Question<setup::Request>) -> Self {
        Self::Setup(question)
    }
}

impl From<Question<inform::Status>> for Work {
    fn from(question: Question<inform::Status>) -> Self {
        Self::Status(question)
    }
}

impl From<Question<detach::Request>> for Work {
    fn from(Question { ticket, purpose }: Question<detach::Request>) -> Self {
        Self::Setup(Question { ticket, purpose: setup::Request::Detach(purpose) })
    }
}

impl From<Question<files::Request>> for Work {
    fn from(question: Question<files::Request>) -> Self {
        Self::File(question)
    }
}
