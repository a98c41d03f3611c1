//! What one holder of a token asks of a hub, and what others notice of it.

use ftp_proto::relay::hub::{FromHub, Role, ToHub};
use ftp_proto::relay::message::Text;
use integration_tests::hub::{Hub, Session};
use tokio::runtime::Builder;

#[test]
fn a_session_that_asks_far_ahead_is_answered_as_it_takes_the_answers_and_others_are_not_behind_it() {
    const AGENTS: usize = 10;
    const QUESTIONS: usize = 1_000;
    let hub = Hub::start("127.0.0.9");
    Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let mut agents = Vec::new();
        for number in 0..AGENTS {
            let role = Role::Agent { name: Text::of(&format!("{number:064}")), boot: 1 };
            let mut agent = Session::start(&hub, role).await;
            assert_eq!(agent.hear().await, FromHub::Joined { replaced: false });
            agents.push(agent);
        }
        let mut asks = Session::start(&hub, Role::User { name: Text::of("asks") }).await;
        asks.say(vec![ToHub::Agents; QUESTIONS]).await;
        agents[0].say(vec![ToHub::Ping { t: 7 }]).await;
        assert!(matches!(agents[0].hear().await, FromHub::Pong { t: 7, .. }));
        for number in 0..QUESTIONS {
            let FromHub::Agents(names) = asks.hear().await else { panic!("no answer to question {number}") };
            assert_eq!(names.len(), AGENTS);
        }
    });
}
