//! Agents with tokens of their own: users of their group call them, and nobody takes their place.

use super::{Far, arrived};
use ftp_proto::relay::hub::{FromHub, Role};
use ftp_proto::relay::message::{Code, Text};
use ftp_proto::relay::token::Token;
use integration_tests::binary::{Program, Running};
use integration_tests::foreign::own_address;
use integration_tests::hub::{Hub, Joined, Session};
use integration_tests::relay::write_private;
use integration_tests::site::sample;
use integration_tests::user::user;
use std::path::{Path, PathBuf};
use tokio::runtime::Builder;

/// What `ftp-relay-agent token` prints for these words.
fn token(words: &[&str]) -> Token {
    let mut command = Program::RelayAgent.command();
    command.arg("token").args(words);
    Token::parse(&Running::start("token", command).line().unwrap()).unwrap()
}

/// A hub, the tokens of its agents and users in the group `site`, and the directory of their files.
struct Group {
    hub: Hub,
    agents: [Token; 2],
    ann: Token,
}

impl Group {
    fn start() -> Self {
        let hub = Hub::start(&own_address().to_string());
        let agents = ["zurich", "berlin"].map(|name| token(&["--for-agent", "site", "--name", name]));
        let ann = token(&["--group", "site", "--name", "ann"]);
        hub.hold(&[agents[0].clone(), agents[1].clone(), ann.clone()]);
        Self { hub, agents, ann }
    }

    fn file(&self, name: &str, tokens: &[&Token]) -> PathBuf {
        let path = self.hub.directory().join(name);
        let lines: Vec<String> = tokens.iter().map(|token| token.line().to_string()).collect();
        write_private(&path, &lines.join("\n"));
        path
    }

    fn join(&self, file: &Path, name: &str, far: &Far) -> Joined {
        self.hub.try_to_join_with(self.hub.address, file, name, &far.near, &[&far.ip()])
    }
}

#[test]
fn r62_users_copy_through_agents_that_have_tokens_of_their_own() {
    let data = sample(1_000_003);
    let (from, to) = (Far::start(&[("a.bin", &data)]), Far::start(&[]));
    let group = Group::start();
    let joined = [("zurich", &from), ("berlin", &to)].map(|(name, far)| {
        let own = group.agents.iter().find(|agent| agent.name() == name).unwrap();
        let joined = group.join(&group.file(name, &[own, &group.ann]), name, far);
        joined.until_joined(1);
        joined
    });
    let copy = |token: &PathBuf| {
        let run = user().args(["copy", "--json", "--path", "relay"]).relay(group.hub.address, token);
        run.args([from.url("a.bin"), to.url("a.bin")]).run()
    };
    arrived(&copy(&group.file("ann", &[&group.ann])).exits(0), &to, "a.bin", &data);
    copy(&group.file("agents", &[&group.agents[0]])).exits(2).says("is the token of an agent");
    for joined in joined {
        assert!(!joined.running.said().contains("may take its place"), "{}", joined.running.said());
    }
}

#[test]
fn r62_nobody_takes_the_place_of_an_agent_with_the_token_of_a_user_or_another_agent() {
    let far = Far::start(&[]);
    let group = Group::start();
    let [zurich, berlin] = &group.agents;
    let agent = group.join(&group.file("zurich", &[zurich, &group.ann]), "zurich", &far);
    agent.until_joined(1);
    Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        for token in [&group.ann, berlin] {
            let role = Role::Agent { name: Text::of("zurich"), boot: 1 };
            let mut eve = Session::start_with(&group.hub, token, role).await;
            let FromHub::Bye { code, .. } = eve.hear().await else { panic!("{} has joined", token.name()) };
            assert_eq!(code, Code::Denied);
        }
    });
    for (file, name, words) in [
        (group.file("ann", &[&group.ann]), "zurich", "has to hold one token of an agent"),
        (group.file("berlin", &[berlin]), "zurich", "join with --name berlin"),
    ] {
        let mut refused = group.join(&file, name, &far);
        assert!(!refused.running.wait().success());
        assert!(refused.running.said().contains(words), "{}", refused.running.said());
    }
    assert_eq!(agent.times_joined(), 1);
}

#[test]
fn r62_an_agent_that_shares_its_token_with_users_goes_on_with_a_warning_until_its_group_has_tokens_for_agents()
 {
    let far = Far::start(&[]);
    let hub = Hub::start(&own_address().to_string());
    let agent = far.agent(&hub, "zurich");
    agent.running.logs("each of whom may take its place at the hub");
    hub.hold(&[hub.token.clone(), token(&["--for-agent", hub.token.name(), "--name", "oslo"])]);
    Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let role = Role::Agent { name: Text::of("zurich"), boot: 1 };
        let FromHub::Bye { code, text, .. } = Session::start(&hub, role).await.hear().await else {
            panic!("an old token has joined")
        };
        assert_eq!(code, Code::Denied);
        assert!(text.as_str().contains("token --for-agent test"), "{text:?}");
    });
    assert_eq!(agent.times_joined(), 1, "it stays until its session ends");
}

#[test]
fn r62_what_a_hub_has_of_a_token_is_refused_everywhere_else_and_check_says_what_it_is() {
    let group = Group::start();
    let (far, own) = (Far::start(&[]), &group.agents[0]);
    let line = group.ann.for_hub();
    let mut agent = group.join(&group.file("agent", &[own, &line]), "zurich", &far);
    assert_eq!(agent.running.wait().code(), Some(1));
    agent.running.logs("is a line of token --for-hub: it belongs to the hub alone");
    let file = group.file("user", &[&line]);
    let file = file.to_str().unwrap();
    let run = user().args(["ls"]).relay(group.hub.address, file.as_ref());
    run.args([far.url("").as_str()]).run().fails().says("belongs to the hub alone");
    let check = |more: &[&str]| {
        let mut command = Program::RelayAgent.command();
        command.args(["check", "--token-file", file]).args(more);
        Running::start("check", command)
    };
    let mut said = check(&[]);
    while let Some(line) = said.line().filter(|line| !line.contains("token ann")) {
        assert!(line.starts_with("ok "), "{line}");
    }
    let mut refused = check(&[&group.hub.address.to_string()]);
    assert_eq!(refused.wait().code(), Some(2));
    assert!(refused.said().contains("is the file of a hub"), "{}", refused.said());
    // A hub that has the tokens themselves goes on, as older files look like that.
    write_private(&group.hub.hub_file, &group.ann.line());
    group.hub.running.signal(rustix::process::Signal::HUP);
    group.hub.running.logs("these lines do not say that they are for a hub: ann");
}
