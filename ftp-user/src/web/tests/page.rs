//! What people see.

use super::client::Daemon;
use super::fleet::job;
use crate::outcome::FailureGroup;
use crate::queue::{FileState, QueueState, StoredProgress, Wish, moment};
use crate::web::page::STYLE;
use crate::web::view::{FileView, JobDetail, JobView, PairView, RatePoint, RouteView, SiteView, WorkerView};
use serde_json::json;
use std::collections::HashMap;

/// A name that would do harm if it was not escaped.
const HOSTILE: &str =
    "\"'><script>alert(1)</script>&amp;<img src=x onerror=alert(2)>\u{0}\u{1b}[31m\u{202e}\u{85}\u{2028}";

fn hostile_job() -> JobView {
    let bad = || HOSTILE.to_owned();
    let mut options = serde_json::Map::new();
    options.insert("exclude".to_owned(), json!([HOSTILE]));
    JobView {
        verb: bad(),
        sources: vec![bad(), bad()],
        dest: bad(),
        options,
        series: Some(bad()),
        cause: Some(bad()),
        worker: Some(bad()),
        path: Some(bad()),
        progress: StoredProgress {
            files: 1,
            of: Some(3),
            bytes: 10,
            total: Some(30),
            rate: Some(1),
            remaining: Some(9),
        },
        ..job("h1", HOSTILE, QueueState::Running)
    }
}

/// Puts a hostile name into every field there is.
fn poison(daemon: &Daemon) {
    let bad = || HOSTILE.to_owned();
    let some = || Some(HOSTILE.to_owned());
    let mut content = daemon.fleet.content();
    content.jobs = vec![hostile_job(), JobView { id: bad(), ..hostile_job() }];
    content.files.insert(
        "h1".to_owned(),
        vec![FileView {
            source: bad(),
            dest: bad(),
            state: FileState::Failed,
            bytes: 1,
            path: some(),
            rung: some(),
            verified: some(),
            attempts: 1,
            worker: some(),
            cause: some(),
        }],
    );
    let route = RouteView {
        path: bad(),
        rung: bad(),
        source: bad(),
        dest: bad(),
        middle: some(),
        source_control: some(),
        dest_control: some(),
        data: some(),
    };
    let failures = vec![FailureGroup { cause: bad(), files: 2, names: vec![bad()] }];
    let rates = [0, 1].map(|at| RatePoint { at: moment(at), rate: 5 }).into();
    content.details.insert("h1".to_owned(), JobDetail { route: Some(route), rates, failures });
    content.sites = vec![SiteView { name: bad(), url: bad(), workers: vec![bad()] }];
    let pair = |cause| PairView {
        source: bad(),
        dest: bad(),
        path: some(),
        rung: some(),
        protection: some(),
        cause,
        ..PairView::default()
    };
    content.pairs = vec![pair(None), pair(some())];
    content.workers = vec![WorkerView {
        name: bad(),
        id: bad(),
        version: bad(),
        parallel: 1,
        jobs: vec![bad()],
        sites: vec![bad()],
        alive: true,
        ..WorkerView::default()
    }];
    for series in &mut content.series {
        (series.id, series.owner, series.every, series.zone) = (bad(), bad(), bad(), bad());
        (series.verb, series.sources, series.dest, series.last_job) = (bad(), vec![bad()], bad(), some());
    }
}

#[tokio::test]
async fn hostile_names_are_text_on_every_page_and_in_json() {
    let daemon = Daemon::start().await;
    poison(&daemon);
    let cookie = daemon.log_in("root").await;
    let query = "%22%3E%3Cscript%3Ealert(1)%3C/script%3E%00";
    for place in [
        "/".to_owned(),
        "/jobs/h1".to_owned(),
        "/new".to_owned(),
        "/pairs".to_owned(),
        "/workers".to_owned(),
        "/series".to_owned(),
        format!("/?owner={query}&site={query}"),
        format!("/login?next={query}"),
        format!("/jobs/{query}"),
        format!("/jobs/h1?files={query}"),
        format!("/?{query}=1"),
        format!("/?state={query}"),
    ] {
        let page = daemon.page(&cookie, &place).await;
        assert!(!page.body.contains("<script>") && !page.body.contains("<img"), "{place}: {}", page.body);
        let hidden =
            |letter: char| letter.is_control() && letter != '\n' || "\u{202e}\u{2028}".contains(letter);
        assert!(!page.body.contains(hidden), "{place}");
        assert!(page.body.matches('"').count() % 2 == 0, "{place}");
    }
    let page = daemon.page(&cookie, "/jobs/h1").await;
    assert!(page.body.matches("&lt;script&gt;").count() > 15);
    let job = daemon.api("root", "GET /api/v1/jobs/h1", "").await;
    assert_eq!(job.json()["dest"], HOSTILE);
    assert!(!job.body.contains(|letter: char| letter < ' '));
    let secret = daemon.page(&cookie, "/").await.secret();
    let form = format!(
        "form-secret={secret}&verb=copy&source-site=&source-path={query}&dest-path={query}&at={query}&do=dry"
    );
    let page = daemon.form(&cookie, "", "/new", &form).await;
    assert!(
        page.status == 400 && !page.body.contains("<script>") && page.body.contains("&lt;script&gt;"),
        "{page:?}"
    );
}

#[tokio::test]
async fn a_page_of_100_jobs_is_smaller_than_100_kilobytes() {
    let daemon = Daemon::start().await;
    let one = |number: usize| JobView {
        sources: vec![format!("production:department/{number:080}/directory")],
        dest: format!("archive:backup/{number:080}/directory"),
        progress: hostile_job().progress,
        ..job(&format!("01j{number:023}"), "a-long-name-of-an-owner", QueueState::Running)
    };
    daemon.fleet.content().jobs = (0..150).map(one).collect();
    let page = daemon.page(&daemon.log_in("root").await, "/").await;
    assert_eq!(page.body.matches("<tr data-job=").count(), 100);
    assert_eq!(page.body.matches("data-state=\"running\"").count(), 100);
    assert!(page.body.len() < 100_000, "{}", page.body.len());
    assert!(page.body.contains("Older jobs"));
}

#[tokio::test]
async fn every_page_opens_and_offers_only_what_the_caller_may_do() {
    let daemon = Daemon::start().await;
    for (token, pauses, makes) in [("root", true, true), ("ann", true, true), ("reader", false, false)] {
        let cookie = daemon.log_in(token).await;
        for place in ["/", "/jobs/a1", "/pairs", "/workers", "/series", "/login", "/logout"] {
            let page = daemon.page(&cookie, place).await;
            assert_eq!(page.status, 200, "{place}: {page:?}");
            assert!(
                page.body.contains("<main id=\"main\"") && page.body.contains("class=\"skip\""),
                "{place}"
            );
        }
        assert_eq!(daemon.page(&cookie, "/jobs/a1").await.body.contains("/jobs/a1/pause"), pauses, "{token}");
        assert_eq!(daemon.page(&cookie, "/new").await.status == 200, makes, "{token}");
    }
    for (wish, words, offered) in [
        (Wish::Pause, "is being paused", ["resume", "cancel"].as_slice()),
        (Wish::Cancel, "is being cancelled", &[]),
    ] {
        daemon.fleet.content().jobs.iter_mut().find(|job| job.id == "a1").unwrap().wish = wish;
        let page = daemon.page(&daemon.log_in("ann").await, "/jobs/a1").await.body;
        assert!(page.contains(words), "{page}");
        for action in ["pause", "resume", "cancel", "retry"] {
            let is_offered = page.contains(&format!("/jobs/a1/{action}"));
            assert_eq!(is_offered, offered.contains(&action), "{wish:?} {action}");
        }
    }
    let cookie = daemon.log_in("bob").await;
    assert_eq!(daemon.page(&cookie, "/jobs/a1").await.status, 404);
    assert!(!daemon.page(&cookie, "/").await.body.contains("/jobs/a1"));
}

#[tokio::test]
async fn the_form_plans_and_makes_a_job_once() {
    let daemon = Daemon::start().await;
    let cookie = daemon.log_in("ann").await;
    let empty = daemon.page(&cookie, "/new").await;
    let (_, rest) = empty.body.split_once("name=\"id\" value=\"").unwrap();
    let (secret, id) = (empty.secret(), rest.split('"').next().unwrap());
    let fields = format!(
        "form-secret={secret}&id={id}&verb=copy&source-site=one&source-path=a%0D%0Ab+c%0D%0A\
         &dest-site=two&dest-path=d\
         &option-recursive=on&option-exclude=*.tmp%0D%0A&option-retries=3\
         &option-verify=&option-times=no&priority=-2"
    );
    let plan = daemon.form(&cookie, "", "/new", &(fields.clone() + "&do=dry")).await;
    assert!(plan.status == 200 && plan.body.contains("copy one:b c \u{2192} two:d"), "{plan:?}");
    assert!(plan.body.contains("name=\"option-recursive\" checked") && plan.body.contains(id));
    assert_eq!(daemon.fleet.content().jobs.len(), 2);
    for _ in 0..2 {
        let made = daemon.form(&cookie, "", "/new", &(fields.clone() + "&do=start")).await;
        assert_eq!((made.status, made.header("location").as_deref()), (303, Some("/jobs/job-2")), "{made:?}");
    }
    let job = daemon.fleet.content().jobs[0].clone();
    assert_eq!(
        (job.sources, job.dest, job.priority),
        (vec!["one:a".into(), "one:b c".into()], "two:d".into(), -2)
    );
    let options = json!({"recursive": true, "exclude": ["*.tmp"], "retries": 3, "times": false});
    assert_eq!(json!(job.options), options);
    let page = daemon.page(&cookie, "/jobs/job-2").await;
    let command = "ftp-user copy --exclude=&#39;*.tmp&#39; --recursive --retries=3 --no-times one:a \
         &#39;one:b c&#39; two:d";
    assert!(page.body.contains(command), "{page:?}");
    let refused = daemon.form(&cookie, "", "/new", &(fields + "x&do=start")).await;
    assert!(
        refused.status == 400 && refused.body.contains("role=\"alert\"") && refused.body.contains("priority")
    );
}

#[tokio::test]
async fn style_and_script_are_kept_by_browsers_under_names_of_their_content() {
    let daemon = Daemon::start().await;
    let page = daemon.ask("GET /login", &[], "").await;
    let links: Vec<_> = page.body.split('"').filter(|text| text.starts_with("/assets/")).collect();
    assert_eq!(links.len(), 3);
    for link in links {
        let asset = daemon.ask(&format!("GET {link}"), &[], "").await;
        assert_eq!(asset.status, 200);
        assert!(asset.header("cache-control").unwrap().contains("immutable"));
    }
    assert_eq!(daemon.ask("GET /assets/page-0.css", &[], "").await.status, 404);
    let inline = ["style=\"", "onclick", "<style", "http://", "https://"];
    assert!(inline.iter().all(|text| !page.body.contains(text)));
}

/// The colours of a part of the style.
fn colours(style: &str) -> HashMap<&str, [f64; 3]> {
    let colour = |text: &str| {
        let part = |at: usize| {
            let value = f64::from(u8::from_str_radix(&text[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        [part(1), part(3), part(5)]
    };
    let pairs = style.split(';').filter_map(|pair| pair.trim().rsplit_once(": #"));
    pairs
        .filter_map(|(name, value)| Some((name.rsplit_once("--")?.1, colour(&format!("#{value}")))))
        .collect()
}

#[test]
fn texts_have_a_contrast_of_at_least_4_5_to_1_in_light_and_dark() {
    let (light, rest) = STYLE.split_once("@media (prefers-color-scheme: dark)").unwrap();
    let dark = rest.split_once("* {").unwrap().0;
    for style in [light, dark] {
        let colours = colours(style);
        let luminance = |name: &str| {
            let [red, green, blue] = colours[name];
            0.2126 * red + 0.7152 * green + 0.0722 * blue
        };
        let contrast = |one: &str, two: &str| {
            let (one, two) = (luminance(one), luminance(two));
            (one.max(two) + 0.05) / (one.min(two) + 0.05)
        };
        for text in ["text", "muted", "accent", "good", "bad", "warn"] {
            for back in ["back", "surface"] {
                assert!(contrast(text, back) >= 4.5, "{text} on {back}: {}", contrast(text, back));
            }
        }
        assert!(contrast("on-accent", "accent") >= 4.5);
        assert!(contrast("edge", "back") >= 3.0 && contrast("edge", "surface") >= 3.0);
    }
}
