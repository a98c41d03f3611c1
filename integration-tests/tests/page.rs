//! The page of a daemon in a real browser: a person logs in, makes jobs, watches them and changes them.

use integration_tests::browser::{Browser, Key, axe};
use integration_tests::or_skip;
use integration_tests::site::{PASSWORD, Server, Site, sample};
use integration_tests::skip::{Skipped, say_skipped};
use integration_tests::socket::until;
use integration_tests::user::{Started, User, user};
use serde_json::json;
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

/// The size of a file that takes minutes at [`SLOW`]: no test waits for its end.
const LARGE: usize = 30_000_000;
const SLOW: [&str; 2] = ["--limit", "100kB"];
/// A name that has no place where a line may break.
const LONG: &str =
    "a_name_of_a_file_that_has_no_place_where_a_line_of_text_could_ever_be_broken_in_two.tar.gz";

/// Two servers, and a daemon that knows them as `one` and `two`.
struct Scene {
    from: Server,
    to: Server,
    state: TempDir,
    settings: String,
    /// Where the page is.
    origin: String,
    token: String,
    daemon: Option<Started>,
}

/// A daemon with a page, and an administrator's token.
fn scene() -> Scene {
    let from = Site::new("source").file("t/a", "a").file("t/b", sample(100_000)).file("large", sample(LARGE));
    let (from, to) = (from.start(), Site::new("destination").at("127.0.0.3").start());
    let settings = site("one", &from) + &site("two", &to);
    let state = tempfile::tempdir().unwrap();
    let mut scene =
        Scene { from, to, state, settings, origin: String::new(), token: String::new(), daemon: None };
    let token = scene.user(&["daemon", "token", "--scope", "admin", "--name", "root"]).run().exits(0);
    token.last().clone_into(&mut scene.token);
    let daemon = scene.user(&["daemon", "--listen", "127.0.0.1:0", "--name", "worker"]).start();
    daemon.wait_for("(page, api)");
    let said = daemon.running.said();
    let line =
        said.lines().find_map(|line| line.strip_prefix("listening on http://")?.strip_suffix(" (page, api)"));
    scene.origin = format!("http://{}", line.unwrap());
    scene.daemon = Some(daemon);
    scene
}

/// The settings of a site.
fn site(name: &str, server: &Server) -> String {
    let url = server.url("");
    let place = url.rsplit_once('@').unwrap().1;
    format!("[sites.{name}]\nurl = \"ftp://ann@{place}\"\npassword-file = \"secret\"\n")
}

impl Scene {
    fn user(&self, args: &[&str]) -> User {
        let user = user().private_file("config.toml", &self.settings).private_file("secret", PASSWORD);
        let state = self.state.path().to_str().unwrap();
        user.args(["--config", "config.toml", "--state", state]).args(args)
    }

    /// Leaves a copy to the daemon at the command line. Returns its id.
    fn submit(&self, args: &[&str], from: &str, to: &str) -> String {
        let words = [&["--json", "copy", "--queue"], args, &[from, to]].concat();
        let run = self.user(&words).run().exits(0);
        let made = run.events("job").pop().unwrap_or_else(|| panic!("no job\n{run}"));
        made["id"].as_str().unwrap().to_owned()
    }

    /// A job that runs as long as the test does.
    fn slow_job(&self) -> String {
        self.submit(&SLOW, "one:large", "two:large")
    }

    /// A browser that nobody has logged in with.
    fn browser(&self) -> Result<Browser, Skipped> {
        Browser::start(&self.origin)
    }

    /// A browser of the administrator, at the list of jobs.
    fn logged_in(&self) -> Result<Browser, Skipped> {
        let mut browser = self.browser()?;
        log_in(self, &mut browser);
        Ok(browser)
    }
}

/// Exchanges the token for a cookie, as a person who has opened the list of jobs.
fn log_in(scene: &Scene, browser: &mut Browser) {
    browser.open("/");
    browser.is_at("/login");
    browser.fill("#token", &scene.token);
    browser.click("form[action=\"/login\"] button");
    browser.is_at("/");
    assert_eq!(browser.text("document.querySelector('h1').textContent"), "Jobs");
}

/// Fills the form for a copy of the directory `t` to `two:DEST`.
fn fill_form(browser: &mut Browser, dest: &str) {
    browser.click("main a[href=\"/new\"]");
    browser.is_at("/new");
    browser.choose("#verb", "copy");
    browser.choose("#source-site", "one");
    browser.fill("#source-path", "t");
    browser.choose("#dest-site", "two");
    browser.fill("#dest-path", dest);
    browser.click("input[name=\"option-recursive\"]");
}

/// Presses Start. Returns the path of the page of the job.
fn start(browser: &mut Browser) -> String {
    browser.click("button[value=\"start\"]");
    browser.is_at("/jobs/");
    browser.text("location.pathname")
}

/// Waits until the row or the page of a job says this state.
fn until_state(browser: &mut Browser, id: &str, state: &str) {
    let selector = format!("[data-job=\"{id}\"][data-state=\"{state}\"] .state");
    let shown = format!("document.querySelector({})?.textContent === \"{state}\"", json!(selector));
    browser.sees(&shown);
}

/// Marks the page that is shown, so that [`is_marked`] tells whether it is still the same.
fn mark(browser: &mut Browser) {
    browser.evaluate("window.isMarked = true").unwrap();
}

fn is_marked(browser: &mut Browser) -> bool {
    browser.evaluate("window.isMarked === true") == Ok(true.into())
}

/// The id of the job whose page is at this path.
fn id_of(path: &str) -> &str {
    path.strip_prefix("/jobs/").unwrap()
}

/// The files of `t` have arrived.
fn has_arrived(scene: &Scene, directory: &str) {
    for name in ["a", "b"] {
        let arrived = scene.to.bytes(&format!("{directory}/{name}"));
        assert!(arrived == scene.from.bytes(&format!("t/{name}")), "{directory}/{name} differs");
    }
}

#[test]
fn a_person_logs_in_looks_at_a_plan_and_starts_a_job() {
    let scene = scene();
    let mut browser = or_skip!(scene.logged_in());
    fill_form(&mut browser, "in/");
    browser.click("button[value=\"dry\"]");
    browser.finds(".plan");
    let plan = browser.text("document.querySelector('.plan').innerText");
    for name in ["a", "b"] {
        assert!(plan.contains(&format!("two:in/t/{name}")), "{plan}");
    }
    assert!(scene.to.names().is_empty(), "a dry run changes nothing");
    let path = start(&mut browser);
    mark(&mut browser);
    until_state(&mut browser, id_of(&path), "done");
    assert!(is_marked(&mut browser), "the page follows the job without being loaded again");
    has_arrived(&scene, "in/t");
    browser.has_no_complaint();
}

#[test]
fn the_list_follows_the_jobs_of_others() {
    let scene = scene();
    let mut browser = or_skip!(scene.logged_in());
    browser.sees("document.querySelector('.empty') !== null");
    mark(&mut browser);
    let done = scene.submit(&[], "one:t/a", "two:a");
    until_state(&mut browser, &done, "done");
    let failed = scene.submit(&[], "one:none", "two:none");
    until_state(&mut browser, &failed, "failed");
    let slow = scene.slow_job();
    until_state(&mut browser, &slow, "running");
    let row = format!("document.querySelector('[data-job=\"{slow}\"]')");
    browser.sees(&format!("{row}?.querySelector('[data-rate]').textContent.endsWith('B/s')"));
    browser.sees(&format!("{row}?.querySelector('progress')?.value > 0"));
    assert!(is_marked(&mut browser), "the list is not loaded again");
    browser.has_no_complaint();
}

#[test]
fn a_job_is_paused_resumed_cancelled_and_carried_again() {
    let scene = scene();
    let mut browser = or_skip!(scene.logged_in());
    let id = scene.slow_job();
    browser.open(&format!("/jobs/{id}"));
    until_state(&mut browser, &id, "running");
    let button = |action: &str| format!("form[action$=\"/{action}\"] button");
    browser.click(&button("pause"));
    until_state(&mut browser, &id, "paused");
    browser.click(&button("resume"));
    until_state(&mut browser, &id, "running");
    browser.agrees(false);
    browser.click(&button("cancel"));
    assert_eq!(browser.questions(), ["Cancel?"]);
    // Had the answer No been taken for Yes, there would be no button.
    browser.agrees(true);
    browser.click(&button("cancel"));
    until_state(&mut browser, &id, "cancelled");
    assert_eq!(browser.questions(), ["Cancel?"]);
    assert!(!scene.to.names().iter().any(|name| name.contains(".part")), "{:?}", scene.to.names());
    browser.click(&button("retry"));
    until_state(&mut browser, &id, "running");
    browser.has_no_complaint();
}

#[test]
fn a_job_that_failed_names_the_cause_and_is_done_at_the_next_try() {
    let scene = scene();
    let mut browser = or_skip!(scene.logged_in());
    let id = scene.submit(&[], "one:late", "two:late");
    browser.open(&format!("/jobs/{id}"));
    until_state(&mut browser, &id, "failed");
    let page = browser.text("document.querySelector('main').innerText");
    assert!(page.contains("does not exist"), "{page}");
    fs::write(scene.from.path("late"), "late").unwrap();
    browser.click("form[action$=\"/retry\"] button");
    until_state(&mut browser, &id, "done");
    assert_eq!(scene.to.bytes("late"), b"late");
    browser.has_no_complaint();
}

#[test]
fn without_scripts_everything_works() {
    let scene = scene();
    let mut browser = or_skip!(scene.browser());
    browser.scripts(false);
    log_in(&scene, &mut browser);
    fill_form(&mut browser, "in/");
    browser.click("button[value=\"dry\"]");
    browser.finds(".plan");
    let path = start(&mut browser);
    let state = |browser: &mut Browser, path: &str| {
        browser.open(path);
        browser.text("document.querySelector('[data-job]').dataset.state")
    };
    until("done", || state(&mut browser, &path) == "done");
    has_arrived(&scene, "in/t");
    let slow = format!("/jobs/{}", scene.slow_job());
    until("running", || state(&mut browser, &slow) == "running");
    mark(&mut browser);
    browser.click("form[action$=\"/cancel\"] button");
    // A page that is opened earlier would take the place of what the button sends.
    browser.sees("window.isMarked !== true && document.readyState === 'complete'");
    until("cancelled", || state(&mut browser, &slow) == "cancelled");
    assert!(browser.questions().is_empty(), "a question is a script's");
    browser.click("form[action=\"/logout\"] button");
    browser.is_at("/login");
    browser.has_no_complaint();
}

#[test]
fn a_keyboard_is_enough() {
    let scene = scene();
    let mut browser = or_skip!(scene.browser());
    browser.open("/login");
    browser.sees("document.activeElement.id === 'token'");
    browser.types(&scene.token);
    browser.press(Key::Enter);
    browser.is_at("/");
    browser.tabs_to(".skip");
    browser.press(Key::Enter);
    browser.sees("location.hash === '#main'");
    browser.tabs_to("main a[href=\"/new\"]");
    browser.press(Key::Enter);
    browser.is_at("/new");
    browser.tabs_to("#source-path");
    browser.types("t");
    browser.tabs_to("#dest-path");
    browser.types("in/");
    browser.tabs_to("input[name=\"option-recursive\"]");
    browser.press(Key::Space);
    browser.sees("document.activeElement.checked");
    browser.tabs_to("#option-overwrite");
    browser.press(Key::Down);
    browser.sees("document.activeElement.value === 'never'");
    browser.tabs_to("summary");
    browser.press(Key::Enter);
    browser.tabs_to("#option-limit");
    browser.types("50MB");
    browser.tabs_to("button[value=\"start\"]");
    browser.press(Key::Space);
    browser.is_at("/jobs/");
    let path = browser.text("location.pathname");
    until_state(&mut browser, id_of(&path), "done");
    has_arrived(&scene, "in/t");
    let command = browser.text("document.querySelector('#command').innerText");
    assert!(command.contains("--limit=50000000") && command.contains("never"), "{command}");
    browser.has_no_complaint();
}

#[test]
fn many_tabs_share_the_events() {
    // A browser opens six connections to a host.
    const TABS: usize = 8;
    let scene = scene();
    let mut browser = or_skip!(scene.logged_in());
    for _ in 1..TABS {
        browser.open_tab();
        browser.open("/");
    }
    let first = scene.submit(&[], "one:t/a", "two:first");
    for tab in 0..TABS {
        browser.look_at_tab(tab);
        until_state(&mut browser, &first, "done");
    }
    // The tab that was opened first has the stream, and leaves it to another one.
    browser.look_at_tab(0);
    browser.close_tab();
    let second = scene.submit(&[], "one:t/a", "two:second");
    for tab in 0..TABS - 1 {
        browser.look_at_tab(tab);
        until_state(&mut browser, &second, "done");
    }
    browser.has_no_complaint();
}

/// Where pictures go: the directory that `FTP_SCREENSHOTS` names, or one that is removed.
struct Pictures {
    directory: PathBuf,
    _temporary: TempDir,
}

impl Pictures {
    fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let wanted = std::env::var_os("FTP_SCREENSHOTS").map(PathBuf::from);
        let directory = wanted.unwrap_or_else(|| temporary.path().to_owned());
        fs::create_dir_all(&directory).unwrap();
        Self { directory, _temporary: temporary }
    }

    fn of(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}.png"))
    }
}

/// Jobs in several states, and a schedule. Returns the pages to look at, with their names.
fn pages(scene: &Scene, browser: &mut Browser) -> Vec<(&'static str, String)> {
    fs::write(scene.from.path("t").join(LONG), "long").unwrap();
    let done = scene.submit(&["-r"], "one:t", "two:in/");
    let failed = scene.submit(&[], &format!("one:none/{LONG}"), "two:none");
    let running = scene.slow_job();
    let every = ["--json", "copy", "--queue", "--every", "1h", "one:t/a", "two:hourly"];
    scene.user(&every).run().exits(0);
    for (id, state) in [(&done, "done"), (&failed, "failed"), (&running, "running")] {
        until_state(browser, id, state);
    }
    let job = |id: &str| format!("/jobs/{id}");
    let plain = |name: &'static str| (name, format!("/{name}"));
    vec![
        ("jobs", "/".to_owned()),
        ("done", job(&done)),
        ("failed", job(&failed)),
        ("running", job(&running)),
        plain("new"),
        plain("pairs"),
        plain("workers"),
        plain("series"),
    ]
}

/// What makes the page wider than the window.
fn too_wide(browser: &mut Browser, width: u32) -> String {
    const TOO_WIDE: &str = "[...document.querySelectorAll('body *')]
        .filter((one) => one.getBoundingClientRect().right > innerWidth)
        .map((one) => one.outerHTML.slice(0, 120)).join('\\n')";
    let fits = format!("document.documentElement.scrollWidth <= {width} && innerWidth === {width}");
    if browser.evaluate(&fits) == Ok(true.into()) {
        return String::new();
    }
    format!("it does not fit:\n{}", browser.text(TOO_WIDE))
}

/// What axe-core calls a serious or a critical obstacle on the page.
fn obstacles(browser: &mut Browser, axe: &str) -> String {
    const SERIOUS: &str = "axe.run(document, { resultTypes: ['violations'] }).then((told) => told.violations
        .filter((one) => ['serious', 'critical'].includes(one.impact))
        .map((one) => one.id + ': ' + one.nodes.map((node) => node.html + ' ' + node.failureSummary).join('\\n  '))
        .join('\\n'))";
    // Its script returns nothing that could be told.
    browser.evaluate(&format!("{axe}; 0")).unwrap();
    browser.text(SERIOUS)
}

/// What pages are looked at with.
struct Look {
    browser: Browser,
    axe: Option<String>,
    pictures: Pictures,
    faults: Vec<String>,
}

impl Look {
    /// Looks at a page in windows of both widths, in light and in dark.
    fn at(&mut self, name: &str, path: &str) {
        for (width, colours) in [(360, "light"), (360, "dark"), (1400, "light"), (1400, "dark")] {
            self.browser.window(width, colours);
            self.browser.open(path);
            let name = format!("{name}-{width}-{colours}");
            self.browser.picture(&self.pictures.of(&name));
            let wide = too_wide(&mut self.browser, width);
            let obstacles = self.axe.as_ref().map(|axe| obstacles(&mut self.browser, axe));
            let found = [wide, obstacles.unwrap_or_default()].into_iter().filter(|found| !found.is_empty());
            self.faults.extend(found.map(|found| format!("{name}: {found}")));
        }
    }
}

#[test]
fn every_page_suits_its_window_and_its_reader() {
    let scene = scene();
    let browser = or_skip!(scene.browser());
    let axe = axe().map_err(|Skipped(reason)| say_skipped(reason)).ok();
    let mut look = Look { browser, axe, pictures: Pictures::new(), faults: Vec::new() };
    look.at("login", "/login");
    log_in(&scene, &mut look.browser);
    for (name, path) in pages(&scene, &mut look.browser) {
        look.at(name, &path);
    }
    assert!(look.faults.is_empty(), "{}", look.faults.join("\n"));
    look.browser.has_no_complaint();
}

/// The tests above would not fail otherwise.
#[test]
fn what_is_wrong_with_a_page_is_noticed() {
    let scene = scene();
    let mut browser = or_skip!(scene.browser());
    let mut is_noticed = |script: &str, words: &str| {
        browser.open("/login");
        browser.has_no_complaint();
        browser.evaluate(script).unwrap();
        let mut heard = Vec::new();
        until(words, || {
            heard.extend(browser.complaints());
            heard.iter().any(|complaint| complaint.contains(words))
        });
    };
    is_noticed("console.error('an error'), 0", "an error");
    is_noticed("setTimeout(() => none.none), 0", "none is not defined");
    is_noticed("fetch('/none').then(() => 0)", "\"status\":404");
    is_noticed("document.body.innerHTML = '<p style=\"color: red\">'", "ContentSecurityPolicyIssue");
    is_noticed("new Image().src = 'http://127.0.0.9/'", "http://127.0.0.9/");
    browser.window(360, "light");
    browser.open("/login");
    browser.evaluate("document.querySelector('h1').textContent = 'x'.repeat(99)").unwrap();
    assert_eq!(too_wide(&mut browser, 360), "", "its long words are broken");
    browser.evaluate("document.querySelector('main').append(document.createElement('table'))").unwrap();
    browser.evaluate("document.querySelector('table').textContent = 'x'.repeat(99)").unwrap();
    assert!(too_wide(&mut browser, 360).contains("xxx"), "a table is as wide as its words");
    if let Ok(axe) = axe() {
        browser.evaluate("document.querySelector('main').append(document.createElement('button'))").unwrap();
        assert!(obstacles(&mut browser, &axe).contains("button-name"), "a button without a name");
    }
}
