//! A session with a hub: which agents are there, and calls to them.

use super::failure::{self, SessionEnd};
use super::task::{BUILD, Handle, NAME, RelayPlace, SessionEvent, stream};
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::session::within;
use crate::world::Stream;
use ftp_io::link::{self, Link};
use ftp_io::lock::Lock;
use ftp_proto::relay::at_hub;
use ftp_proto::relay::hub::{FromHub, Role, ToHub};
use ftp_proto::relay::link::Welcome;
use ftp_proto::relay::message::{Code, Id, Text};
use ftp_proto::relay::token::Secret32;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use tokio::sync::{mpsc, oneshot};

/// A session with a hub. Clones share it; it ends with the last one.
#[derive(Clone, Debug)]
pub(super) struct Hub(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    display_name: String,
    at: RelayPlace,
    task: Handle<ToHub, FromHub>,
    waiting: Mutex<HubWaiters>,
}

/// The secret of a call; or the code of a refusal, and why.
type CallAnswer = Result<Secret32, (Code, Text)>;

/// Who waits for an answer of the hub.
#[derive(Debug, Default)]
struct HubWaiters {
    calls: HashMap<Id, oneshot::Sender<CallAnswer>>,
    lists: VecDeque<oneshot::Sender<Vec<Text>>>,
    /// Why the session has ended, if it has.
    ended: Option<SessionEnd>,
}

impl HubWaiters {
    /// Answers a call. Whoever has called may have given up.
    fn answer(&mut self, id: Id, answer: CallAnswer) {
        if let Some(waiting) = self.calls.remove(&id) {
            drop(waiting.send(answer));
        }
    }

    /// Every wait is over, because the session is.
    fn ended(end: SessionEnd) -> Self {
        Self { ended: Some(end), ..Self::default() }
    }
}

impl Hub {
    /// Begins a session over a link whose other end has proven itself.
    pub(super) fn begin(
        context: &Context,
        display_name: String,
        at: RelayPlace,
        link: Link,
        welcome: &Welcome,
    ) -> Self {
        let (clock, role) = (context.world.clock, Role::User { name: Text::of(NAME) });
        let machine = at_hub::Session::new(clock.now(), welcome, role, BUILD);
        let (task, events) = Handle::start(clock, link, machine);
        let inner = Arc::new(Inner { display_name, at, task, waiting: Mutex::default() });
        tokio::spawn(listen(Arc::downgrade(&inner), events));
        Self(inner)
    }

    /// The name and the address, for messages.
    pub(super) fn display_name(&self) -> &str {
        &self.0.display_name
    }

    /// The names of the agents of this token.
    pub(super) async fn agents(&self, context: &Context) -> Result<Vec<String>> {
        let (answer, answered) = oneshot::channel();
        self.0.waiting()?.lists.push_back(answer);
        self.0.task.with_machine(|machine, now| machine.send(now, ToHub::Agents));
        match within(context, context.settings.patience.reply, answered).await {
            Some(Ok(names)) => Ok(names.into_iter().map(String::from).collect()),
            Some(Err(_)) => Err(self.0.lost()),
            None => Err(failure::late(context, self.display_name(), "its agents")),
        }
    }

    /// A connection that an agent has accepted, and over which nothing is proven yet.
    pub(super) async fn call(&self, context: &Context, agent: &str) -> Result<Stream> {
        let (answer, answered) = oneshot::channel();
        {
            // The answer cannot come before somebody waits for it.
            let mut waiting = self.0.waiting()?;
            // A hub that answers no call keeps nothing of those that were given up.
            waiting.calls.retain(|_, answer| !answer.is_closed());
            let id = self.0.task.with_machine(|machine, now| machine.call(now, agent));
            waiting.calls.insert(id, answer);
        }
        let called = async {
            let ticket = match answered.await {
                Ok(Ok(ticket)) => ticket,
                Ok(Err((code, text))) => {
                    return Err(failure::no_call(self.display_name(), agent, code, &text));
                }
                Err(_) => return Err(self.0.lost()),
            };
            let no_link = |failure| failure::no_link(self.display_name(), &failure);
            let stream = stream(context, &self.0.at).await.map_err(|error| no_link(error.into()))?;
            link::call(stream, &ticket).await.map_err(no_link)
        };
        let called = within(context, context.settings.patience.reply, called).await;
        called.unwrap_or_else(|| {
            Err(failure::late(context, self.display_name(), &format!("a call to {agent}")))
        })
    }
}

impl Inner {
    /// Who waits, unless the session has ended.
    fn waiting(&self) -> Result<MutexGuard<'_, HubWaiters>> {
        let waiting = self.waiting.locked();
        match &waiting.ended {
            Some(why) => Err(failure::lost(&self.display_name, why)),
            None => Ok(waiting),
        }
    }

    fn lost(&self) -> Failure {
        let end = self.waiting.locked().ended.clone();
        failure::lost(&self.display_name, &end.unwrap_or(SessionEnd::because("it has ended")))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.task.with_machine(|machine, now| machine.send(now, ToHub::Bye));
        self.task.close();
    }
}

/// Passes the answers of a hub to those who wait for them.
async fn listen(hub: Weak<Inner>, mut events: mpsc::Receiver<SessionEvent<FromHub>>) {
    loop {
        let event = events.recv().await;
        let Some(hub) = hub.upgrade() else { return };
        let mut waiting = hub.waiting.locked();
        match event {
            Some(SessionEvent::Message(FromHub::Ready { id, ticket })) => waiting.answer(id, Ok(ticket)),
            // An agent that does not come shows in the connection with it as well.
            Some(SessionEvent::Message(FromHub::Refused { id, code, text })) => {
                waiting.answer(id, Err((code, text)));
            }
            Some(SessionEvent::Message(FromHub::Agents(names))) => {
                if let Some(answer) = waiting.lists.pop_front() {
                    drop(answer.send(names));
                }
            }
            Some(SessionEvent::Message(
                FromHub::Joined { .. }
                | FromHub::Called { .. }
                | FromHub::Pong { .. }
                | FromHub::Bye { .. }
                | FromHub::Ext { .. },
            )) => {}
            Some(SessionEvent::Ended(end)) => return *waiting = HubWaiters::ended(end),
            None => return *waiting = HubWaiters::ended(SessionEnd::because("the session is over")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Cancel;
    use crate::relay::tests::welcome;
    use ftp_io::link::Acceptor;
    use ftp_io::socks::HostPort;
    use ftp_proto::relay::frame::{Frame, FrameReader, encode};
    use ftp_proto::relay::link::{First, accept_data};
    use tokio::net::TcpListener;

    /// A hub that the test plays, and its end of the session of a user agent.
    struct Played {
        listener: TcpListener,
        link: Link,
        reader: FrameReader,
        said: u32,
    }

    impl Played {
        async fn start(context: &Context) -> (Self, Hub) {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let at = listener.local_addr().unwrap();
            let (acceptor, secret) = (Acceptor::new().unwrap(), Secret32::new([7; 32]));
            let serve = async {
                let stream = listener.accept().await.unwrap().0;
                let Ok((mut link, First::Data(hello))) = acceptor.accept(stream).await else {
                    panic!("no hello")
                };
                let accepted = accept_data(&secret, &hello, link.exporter()).unwrap();
                link.send(&accepted.data()).await.unwrap();
                link
            };
            let attach = async {
                link::attach(tokio::net::TcpStream::connect(at).await.unwrap(), &secret).await.unwrap()
            };
            let (own, link) = tokio::join!(attach, serve);
            let place = RelayPlace::Network(HostPort::Address(at));
            let hub = Hub::begin(context, "hub".to_owned(), place, own, &welcome());
            (Self { listener, link, reader: FrameReader::new(), said: 0 }, hub)
        }

        async fn say(&mut self, body: FromHub) {
            self.said += 1;
            self.link.send(&encode(&Frame { seq: self.said, body }).unwrap()).await.unwrap();
        }

        /// The next message that is looked for.
        async fn hears<T>(&mut self, find: impl Fn(ToHub) -> Option<T>) -> T {
            let mut room = [0; 512];
            loop {
                while let Some(Frame { body, .. }) = self.reader.message().unwrap() {
                    if let Some(found) = find(body) {
                        return found;
                    }
                }
                let count = self.link.receive(&mut room).await.unwrap();
                assert_ne!(count, 0, "the session has ended");
                self.reader.push(&room[..count]);
            }
        }

        async fn called(&mut self) -> Id {
            self.hears(|said| if let ToHub::Call { id, .. } = said { Some(id) } else { None }).await
        }

        /// The id of a call that is given up as soon as the hub has heard it.
        async fn given_up(&mut self, hub: &Hub, context: &Context) -> Id {
            tokio::select! {
                biased;
                id = self.called() => id,
                _ = hub.call(context, "edge") => panic!("it was answered"),
            }
        }

        /// The user agent has heard everything that was said before.
        async fn is_heard(&mut self, hub: &Hub, context: &Context) {
            let answer = async {
                self.hears(|said| matches!(said, ToHub::Agents).then_some(())).await;
                self.say(FromHub::Agents(Vec::new())).await;
            };
            let (names, ()) = tokio::join!(hub.agents(context), answer);
            assert_eq!(names.unwrap(), [""; 0]);
        }
    }

    #[tokio::test]
    async fn an_answer_to_a_call_that_was_given_up_makes_no_connection_and_nothing_is_held() {
        let context = Context::for_tests(Cancel::never());
        let (mut played, hub) = Played::start(&context).await;
        let id = played.given_up(&hub, &context).await;
        played.say(FromHub::Ready { id, ticket: Secret32::new([1; 32]) }).await;
        played.is_heard(&hub, &context).await;
        assert!(hub.0.waiting.locked().calls.is_empty() && hub.0.waiting.locked().lists.is_empty());
        tokio::select! {
            biased;
            _ = played.listener.accept() => panic!("it has connected"),
            () = tokio::task::yield_now() => {}
        }
    }

    #[tokio::test]
    async fn calls_that_a_hub_never_answers_are_forgotten_by_the_next_one() {
        let context = Context::for_tests(Cancel::never());
        let (mut played, hub) = Played::start(&context).await;
        for _ in 0..3 {
            played.given_up(&hub, &context).await;
        }
        let refuse = async {
            let id = played.called().await;
            played.say(FromHub::Refused { id, code: Code::Unreachable, text: Text::of("no") }).await;
        };
        let (called, ()) = tokio::join!(hub.call(&context, "edge"), refuse);
        assert!(called.is_err());
        assert!(hub.0.waiting.locked().calls.is_empty());
    }
}
