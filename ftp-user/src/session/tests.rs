//! One session against a server that says what a script says.

use super::*;
use crate::context::{Cancel, Context};
use crate::endpoint::files::{self, FinalName, Replacement};
use crate::failure::Kind;
use crate::place::Site;
use crate::place::tests::{path as name, remote};
use ftp_io::copy::Meter;
use ftp_io::socket;
use ftp_proto::coding::BlockCodes;
use ftp_proto::command::{Command, DataType, XDigest};
use ftp_proto::dialect::Dialect;
use ftp_proto::digest::Algorithm;
use ftp_proto::listing::Entry;
use ftp_proto::wire::ByteRange;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines, ReadHalf, WriteHalf};
use tokio::net::UnixStream;

/// Login and features of a server without TLS and without features.
const LOGIN: [&str; 5] = ["220 ready", "502 no AUTH", "331 password", "230 in", "502 no FEAT"];

/// A server that says the first line by itself and the next one after each command.
fn server(script: &'static [&'static str]) -> SocketAddr {
    after_login(async move |mut lines, mut write| {
        for said in script {
            write.write_all(format!("{said}\r\n").as_bytes()).await.unwrap();
            if lines.next_line().await.unwrap().is_none() {
                break;
            }
        }
    })
}

async fn with(script: &'static [&'static str], check: impl AsyncFnOnce(&mut Session)) {
    check(&mut session_of("pw", Role::Server, script).await).await;
}

/// A session with a server that says these lines behind the login. Its user has this password.
pub(crate) async fn session_of(password: &str, role: Role, script: &'static [&'static str]) -> Session {
    let site = site(server(script), password);
    SessionOpening::new(&Context::for_tests(Cancel::never()), &site, role).open().await.unwrap()
}

fn site(at: SocketAddr, password: &str) -> Site {
    remote(&format!("ftp://ann:{password}@{at}/")).site
}

fn replacement() -> Replacement {
    Replacement { aside: name(".0.old"), size: None, before: FinalName::Free, is_aside: false }
}

#[tokio::test]
async fn facts_are_asked_with_what_a_server_knows() {
    with(&["502 no MLST", "200 type", "213 42", "550 not a plain file"], async |session| {
        let facts = files::facts_at_server(session, &name("a")).await.unwrap().unwrap();
        assert_eq!(facts.size, Some(42));
    })
    .await;
    // What a server says that is busy for an instant is no word about the file.
    with(&["502 no MLST", "200 type", "450 busy", "213 42", "550 not a plain file"], async |session| {
        let facts = files::facts_at_server(session, &name("a")).await.unwrap().unwrap();
        assert_eq!(facts.size, Some(42));
    })
    .await;
    with(
        &["502 no MLST", "200 type", "550 No such file", "257 \"/\"", "550 No such directory"],
        async |session| {
            assert_eq!(files::facts_at_server(session, &name("a")).await.unwrap(), None);
        },
    )
    .await;
    with(
        &[
            "502 no MLST",
            "200 type",
            "550 not a plain file",
            "257 \"/home\"",
            "250 there",
            "250 back",
            "550 none",
        ],
        async |session| {
            let facts = files::facts_at_server(session, &name("d")).await.unwrap().unwrap();
            assert_eq!(facts.kind, ftp_proto::listing::Kind::Directory);
        },
    )
    .await;
}

#[tokio::test]
async fn a_server_that_cannot_rename_offers_no_path() {
    with(&["502 not implemented"], async |session| {
        let failure =
            files::rename_at_server(session, &name("a"), &name("b"), &mut replacement()).await.unwrap_err();
        assert_eq!(failure.kind, Kind::NoPath);
    })
    .await;
    // The server is asked whether it has done it all the same: by MLST, TYPE, SIZE and MDTM.
    with(&["350 go on", "553 not there", "502 no", "200 type", "213 5", "550 no"], async |session| {
        let failure =
            files::rename_at_server(session, &name("a"), &name("b"), &mut replacement()).await.unwrap_err();
        assert_eq!(failure.kind, Kind::Refused);
    })
    .await;
}

/// The server has cut both names to one: the old file has replaced the new one, and has its own name back.
#[tokio::test]
async fn a_file_is_not_called_replaced_whose_old_file_has_gone_from_its_other_name() {
    // MLST, TYPE, SIZE and MDTM of the old file; RNFR and RNTO of both; SIZE of the final name; SIZE, PWD and CWD of
    // the part. Then nothing is there.
    let old = ["502 no", "200 type", "213 5", "550 no"];
    let named = ["350 go on", "250 renamed", "350 go on", "250 renamed", "213 5"];
    let part = ["550 No such file", "257 \"/\"", "550 No such directory"];
    let gone = ["550 No such file"; 4];
    // It is there, although the server has said once that it is not.
    let kept = ["550 No such file", "213 5", "550 no", "550 no"];
    for (last, expect) in [(gone, (Some(Kind::Unverified), false)), (kept, (None, true))] {
        let script = Vec::leak([&old[..], &named, &part, &last].concat());
        with(script, async |session| {
            let mut replaced = Replacement { before: FinalName::Taken(None), size: Some(5), ..replacement() };
            let renamed = files::rename_at_server(session, &name("a"), &name("b"), &mut replaced).await;
            assert_eq!((renamed.err().map(|failure| failure.kind), replaced.is_aside), expect);
        })
        .await;
    }
}

#[tokio::test]
async fn directories_that_were_made_before_a_session_was_lost_are_known() {
    use files::DirectoryThere::{New, Old, Unknown};
    with(&["257 \"/a\" made", "550 it is there", "421 going down"], async |session| {
        session.manners.capabilities.takes_ahead = true;
        let made = files::make_directories_at_once_at_server(session, &["a", "b", "c", "d"].map(name)).await;
        assert_eq!(made[..2], [New, Unknown]);
        assert!(made[2..].iter().all(|made| *made == Unknown), "{made:?}");
        assert!(session.is_over());
    })
    .await;
    const LOOKS: [&str; 2] =
        ["250-Facts\r\n type=dir; /b\r\n250 End", "250-Facts\r\n type=file;size=1; /c\r\n250 End"];
    with(&["257 \"/a\" made", "550 no", "550 no", LOOKS[0], LOOKS[1]], async |session| {
        session.manners.capabilities.takes_ahead = true;
        session.manners.capabilities.mlst = Some(Vec::new());
        let made = files::make_directories_at_once_at_server(session, &["a", "b", "c"].map(name)).await;
        assert_eq!(made, [New, Old, Unknown]);
    })
    .await;
}

/// Gives a session a data connection that is kept for listings. Returns its other end.
async fn keep_listing_connection(session: &mut Session) -> UnixStream {
    session.set_type(DataType::Image).await.unwrap();
    session.manners.capabilities.takes_ahead = true;
    let (ours, theirs) = UnixStream::pair().unwrap();
    let now = session.context.world.clock.now();
    session.dialogue.listing.end(Some(socket::Stream::from(ours).into()), false, now);
    theirs
}

/// The names in the listings of `a`, `b` and `c`, which the server sends ahead.
async fn names_ahead(session: &mut Session, room: usize) -> Vec<Option<Vec<String>>> {
    let listings = files::list_ahead_at_server(session, &["a", "b", "c"].map(name), room).await;
    let names = |listing: files::Listing| listing.entries.iter().map(|entry| entry.name.display()).collect();
    listings.into_iter().map(|listing| listing.map(names)).collect()
}

#[tokio::test]
async fn what_directories_hold_is_sent_ahead_up_to_the_first_one_that_is_refused() {
    let codes = BlockCodes::of(Dialect::Rfc959);
    let listings = ["type=file;size=1; x\r\n", "type=dir; y\r\n", "type=file;size=2; z\r\n"];
    let (mut wire, mut first) = (Vec::new(), 0);
    for listing in listings {
        codes.write(listing.as_bytes(), true, &mut wire);
        first = if first == 0 { wire.len() } else { first };
    }
    let named = |name: &str| Some(vec![name.to_owned()]);
    for (room, last) in [(1 << 20, named("z")), (2 * size_of::<Entry>() + 4, None)] {
        with(&["200 type", "150 a\r\n250 a", "150 b\r\n250 b", "150 c\r\n250 c"], async |session| {
            let mut data = keep_listing_connection(session).await;
            data.write_all(&wire).await.unwrap();
            assert_eq!(names_ahead(session, room).await, [named("x"), named("y"), last]);
            assert!(session.keeps_listing_connection() && !session.is_over());
        })
        .await;
    }
    // Our servers close the connection when they refuse one. What was sent behind it is refused, too, and is no answer to anything else.
    with(&["200 type", "150 a\r\n250 a", "550 no", "425 none", "257 \"/here\""], async |session| {
        let mut data = keep_listing_connection(session).await;
        data.write_all(&wire[..first]).await.unwrap();
        assert_eq!(names_ahead(session, 1 << 20).await, [named("x"), None]);
        assert!(!session.keeps_listing_connection() && !session.awaits_listing());
        assert_eq!(session.current().await.unwrap(), Some(name("/here")));
    })
    .await;
    // Nobody can tell apart what comes behind a listing that breaks, or that the server calls incomplete; nor what comes behind one
    // that is refused, if the server goes on, or has sent more than was asked for.
    for (script, sent, expect) in [
        (&["200 type", "150 a\r\n426 cut", "150 b\r\n250 b", "150 c\r\n250 c"], 20, &[None][..]),
        (&["200 type", "150 a\r\n451 disk", "150 b\r\n250 b", "150 c\r\n250 c"], wire.len(), &[None]),
        (&["200 type", "150 a\r\n250 a", "550 no", "150 c"], first, &[None, None]),
        (&["200 type", "150 a\r\n250 a", "550 no", "425 none"], wire.len(), &[None, None]),
    ] {
        with(script, async |session| {
            let mut data = keep_listing_connection(session).await;
            data.write_all(&wire[..sent]).await.unwrap();
            drop(data);
            assert_eq!(names_ahead(session, 1 << 20).await, expect);
            assert!(session.is_over());
        })
        .await;
    }
}

#[tokio::test]
async fn a_transfer_that_begins_after_its_end_ends_the_session() {
    with(&["425 cannot connect\r\n150 yet it begins", "226 done"], async |session| {
        let refused = session.ask(Command::Retr(name("a"))).await.unwrap();
        assert!(!refused.is_done());
        let failure = session.set_type(DataType::Image).await.unwrap_err();
        assert_eq!(failure.kind, Kind::Temporary, "{failure}");
        assert!(session.is_over());
    })
    .await;
}

#[tokio::test]
async fn h22_a_digest_is_asked_by_the_commands_that_a_server_knows() {
    const SHA1: &str = "213 A9993E364706816ABA3E25717850C26C9CD0D89D";
    with(
        &["200 type", "500 XSHA1 not understood", SHA1, "550 too large", "550 No such file"],
        async |session| {
            session.manners.capabilities.x_digests = vec![XDigest::Xsha, XDigest::Xsha1];
            let path = name("a b");
            let mut file = files::DigestQuery { session, algorithm: Algorithm::Sha1, path: &path };
            let digest = file.ask_whole(3).await.unwrap().unwrap();
            assert_eq!(digest.hex, "a9993e364706816aba3e25717850c26c9cd0d89d");
            assert_eq!(
                file.session.manners.capabilities.x_digests,
                [XDigest::Xsha],
                "what it does not know is not asked again"
            );
            // Another digest, or the size, may have to do; a file that is not there is another matter.
            file.ask_whole(3).await.unwrap().unwrap_err();
            let missing = file.ask_whole(3).await.unwrap_err();
            assert_eq!(missing.kind, Kind::Missing);
            file.algorithm = Algorithm::Md5;
            let unknown = file.ask_whole(3).await.unwrap().unwrap_err();
            assert_eq!(unknown.kind, Kind::Unverified);
        },
    )
    .await;
}

#[tokio::test]
async fn h34_a_refusal_of_pret_is_one_of_the_file() {
    let refused = async |session: &mut Session, next: Command| {
        session.manners.capabilities.pret = true;
        let (meter, copy) = (Meter::default(), async |_| ());
        let ended: Result<Flow<()>, _> =
            Transfer::of(session).run((next, ByteRange::WHOLE), copy, &meter, &mut |_, _| ()).await;
        ended.unwrap_err().kind
    };
    with(
        &[
            "550 a: No such file",
            "550 a: No such file",
            "200 ok",
            "500 no EPSV",
            "200 ok",
            "500 no PASV",
            "500 no PORT",
        ],
        async |session| {
            assert_eq!(refused(session, Command::Retr(name("a"))).await, Kind::Missing);
            assert_eq!(refused(session, Command::Stor(name("a"))).await, Kind::Refused);
            assert_eq!(refused(session, Command::Mlsd(None)).await, Kind::NoPath, "of PASV and PORT");
        },
    )
    .await;
}

#[tokio::test]
async fn a_password_in_a_line_that_is_no_ftp_is_removed_before_the_line_is_cut() {
    // It begins in the 80 bytes that are shown of such a line elsewhere, and ends behind them.
    const LINE: &str =
        "22x----------------------------------------------------------------------hunter2secret";
    let mut session = session_of("hunter2secret", Role::Server, &[LINE]).await;
    let failure = session.ask(Command::Noop).await.unwrap_err().to_string();
    assert!(failure.contains("-***") && !failure.contains("hunter"), "{failure}");
}

/// The commands that a server gets.
type Commands = Lines<BufReader<ReadHalf<socket::Stream>>>;

/// A server that does this after a login, with the next command. Returns its address.
fn after_login<F: Future<Output = ()> + Send>(
    then: impl FnOnce(Commands, WriteHalf<socket::Stream>) -> F + Send + 'static,
) -> SocketAddr {
    let listener = socket::listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let at = listener.local().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let (read, mut write) = tokio::io::split(stream);
        let mut lines = BufReader::new(read).lines();
        for said in LOGIN {
            write.write_all(format!("{said}\r\n").as_bytes()).await.unwrap();
            lines.next_line().await.unwrap();
        }
        then(lines, write).await;
    });
    at
}

#[tokio::test]
async fn h33_after_an_interruption_a_server_that_does_not_close_is_not_waited_for_longer_than_for_abor() {
    // It is frozen.
    let at = after_login(|_, _| std::future::pending());
    let (sender, cancel) = Cancel::new();
    let context = Context::for_tests(cancel);
    let mut session = SessionOpening::new(&context, &site(at, "pw"), Role::Server).open().await.unwrap();
    // The run has been interrupted while it waits.
    let interrupt = async {
        tokio::task::yield_now().await;
        sender.send(true).unwrap();
        std::future::pending::<()>().await;
    };
    let late = context.run.interruption.say_goodbye(context.world.clock.now());
    tokio::select! {
        biased;
        () = session.close_and_settle(&context) => {}
        () = interrupt => {}
        () = context.world.clock.sleep_until(Some(late)) => panic!("the goodbye comes later"),
    }
}

#[tokio::test]
async fn a_session_whose_server_says_goodbye_slowly_is_not_lost() {
    let slow = Duration::from_millis(1500);
    let quit = async |is_cancelled, is_noticed| {
        let (sender, cancel) = Cancel::new();
        let context = Context::for_tests(cancel);
        let clock = context.world.clock;
        let at = after_login(async move |_, mut write| {
            clock.sleep_until(Some(clock.now() + slow)).await;
            // Nobody may be there any more.
            let _ = write.write_all(b"221 bye\r\n").await;
        });
        let session = SessionOpening::new(&context, &site(at, "pw"), Role::Server).open().await.unwrap();
        sender.send(is_cancelled).unwrap();
        if is_noticed {
            context.run.interruption.abort(clock.now());
        }
        let begun = clock.now();
        (session.quit().await, clock.now().since(begun) < slow)
    };
    let (patient, cancelled, noticed) =
        tokio::join!(quit(false, false), quit(true, false), quit(false, true));
    assert_eq!(patient, (true, false), "the server has answered");
    assert_eq!([cancelled, noticed], [(false, true); 2], "a run that is to stop does not wait for it");
}

#[tokio::test]
async fn the_reply_to_a_time_is_not_lost_whatever_is_asked_before_somebody_wants_it() {
    let ahead = |session: &mut Session| {
        session.manners.capabilities.takes_ahead = true;
        session.manners.capabilities.others = vec!["MFMT".to_owned()];
    };
    let time = ftp_proto::calendar::When(0);
    with(&["550 not yours", "200 fine", "213 20200101000000"], async |session| {
        ahead(session);
        files::set_modified_at_server(session, &name("a"), time).await.unwrap();
        assert!(session.ask(Command::Noop).await.unwrap().is_done(), "it gets the reply to itself");
        let refusal = files::time_refusal_at_server(session).await.unwrap().unwrap();
        assert!(refusal.to_string().contains("550 not yours"), "{refusal}");
        assert!(files::time_refusal_at_server(session).await.unwrap().is_none());
    })
    .await;
    // The next time waits for the one before it, and an idle session takes it.
    with(&["213 modified", "550 not yours", "200 fine"], async |session| {
        ahead(session);
        files::set_modified_at_server(session, &name("a"), time).await.unwrap();
        files::set_modified_at_server(session, &name("b"), time).await.unwrap();
        while session.time.unanswered.is_some() {
            session.catch_up().await;
            tokio::task::yield_now().await;
        }
        assert!(files::time_refusal_at_server(session).await.unwrap().is_some());
        assert!(session.ask(Command::Noop).await.unwrap().is_done());
    })
    .await;
    // Nobody waits for a server that has gone.
    with(&[], async |session| {
        ahead(session);
        files::set_modified_at_server(session, &name("a"), time).await.unwrap();
        assert!(session.ask(Command::Noop).await.is_err());
        assert!(files::time_refusal_at_server(session).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn a_server_that_hangs_after_it_has_greeted_is_not_asked_whether_it_is_one_of_ftp() {
    with(&[], async |session| {
        let failure = session.lost(&ftp_proto::client::Failure::NoGreeting).to_string();
        assert!(failure.contains("it has greeted before") && !failure.contains("FTP port"), "{failure}");
    })
    .await;
}

#[tokio::test]
async fn a_server_that_offers_tls_that_cannot_be_used_may_be_used_in_clear_by_an_option() {
    with(&[], async |session| {
        let bad =
            std::io::Error::new(std::io::ErrorKind::InvalidData, "received fatal alert: HandshakeFailure");
        let failure = tls::SessionTls::of(session).refused(&ftp_io::tls::Refusal::Failed(bad));
        assert_eq!(failure.kind, Kind::Other);
        assert!(failure.to_string().contains("--no-tls uses it in clear"), "{failure}");
    })
    .await;
}
