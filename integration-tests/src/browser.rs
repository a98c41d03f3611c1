//! Headless Chromium, driven by the DevTools protocol over a pipe.
//!
//! What the browser complains about is collected all the time: errors of the console, requests that fail or leave the
//! daemon, and violations of the page's policy. [`Browser::has_no_complaint`] fails on any of them.

use crate::foreign::{Skipped, Tool};
use crate::socket::{WATCHDOG, until};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tempfile::TempDir;

/// A browser that looks at the page of one daemon.
#[derive(Debug)]
pub struct Browser {
    child: Child,
    commands: ChildStdin,
    messages: Receiver<Value>,
    /// The number of the last command.
    last: u64,
    /// How long an answer may take.
    patience: Duration,
    /// The DevTools sessions of the tabs; empty before there is one.
    tabs: Vec<String>,
    /// The tab that commands are for.
    tab: usize,
    /// The daemon, as `http://127.0.0.1:8990`.
    origin: String,
    complaints: Vec<String>,
    /// What `confirm()` has asked since the last look.
    questions: Vec<String>,
    agrees: bool,
    directory: TempDir,
    /// Browsers are large: tests that have one run one after the other.
    _alone: MutexGuard<'static, ()>,
}

/// A key that is no letter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Key {
    /// To the next field.
    Tab,
    /// Follows a link, or sends a form.
    Enter,
    /// Changes a checkbox, or presses a button.
    Space,
    /// To the next entry of a list.
    Down,
}

impl Key {
    /// Its name, its code, its number and its text in the protocol.
    fn described(self) -> Value {
        let (key, code, number, text) = match self {
            Self::Tab => ("Tab", "Tab", 9, ""),
            Self::Enter => ("Enter", "Enter", 13, "\r"),
            Self::Space => (" ", "Space", 32, " "),
            Self::Down => ("ArrowDown", "ArrowDown", 40, ""),
        };
        json!({"key": key, "code": code, "windowsVirtualKeyCode": number, "text": text})
    }
}

/// Starts the program with its standard input as descriptor 3 and its standard output as descriptor 4.
const PIPES: &str = r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null"#;

/// The program asks nobody outside of this host, also not for updates of its own.
const OPTIONS: [&str; 14] = [
    "--headless=new",
    "--hide-scrollbars",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-pipe",
];

impl Browser {
    /// Starts Chromium with an empty page for the daemon at `origin`.
    ///
    /// # Errors
    ///
    /// Chromium is neither installed nor can it be fetched.
    pub fn start(origin: &str) -> Result<Self, Skipped> {
        if std::env::var_os("FTP_BROWSER").is_none() {
            return Err(Skipped("a browser is used by .ci/full page".to_owned()));
        }
        static ALONE: Mutex<()> = Mutex::new(());
        let tool = Tool::debian("chromium", &["chromium", "chromium-common"], "lib/chromium/chromium")?;
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let directory = tempfile::Builder::new().prefix("chromium-").tempdir().unwrap();
        let mut child = started(&tool, directory.path());
        let commands = child.stdin.take().unwrap();
        let messages = messages(child.stdout.take().unwrap());
        let mut browser = Self {
            child,
            commands,
            messages,
            last: 0,
            patience: WATCHDOG,
            tabs: Vec::new(),
            tab: 0,
            origin: origin.to_owned(),
            complaints: Vec::new(),
            questions: Vec::new(),
            agrees: true,
            directory,
            _alone: alone,
        };
        browser.open_tab();
        Ok(browser)
    }

    /// Opens one more tab with an empty page, and has all its complaints reported. What is done from now on is done there.
    pub fn open_tab(&mut self) {
        let target = self.run("Target.createTarget", json!({"url": "about:blank"}));
        let attached = json!({"targetId": target["targetId"], "flatten": true});
        let attached = self.run("Target.attachToTarget", attached);
        self.tabs.push(attached["sessionId"].as_str().unwrap().to_owned());
        self.tab = self.tabs.len() - 1;
        for domain in ["Page", "Runtime", "Log", "Network", "Audits", "Inspector"] {
            self.run(&format!("{domain}.enable"), json!({}));
        }
        // A page that nobody looks at would not follow the events.
        self.run("Emulation.setFocusEmulationEnabled", json!({"enabled": true}));
    }

    /// Does what follows in this tab; the first one has the number 0.
    pub const fn look_at_tab(&mut self, tab: usize) {
        self.tab = tab;
    }

    /// Closes the tab that was looked at. The numbers of those behind it move up.
    pub fn close_tab(&mut self) {
        self.run("Page.close", json!({}));
        self.tabs.remove(self.tab);
        self.tab = 0;
    }

    /// Runs a command of the protocol.
    fn run(&mut self, method: &str, parameters: Value) -> Value {
        self.try_run(method, parameters).unwrap_or_else(|why| panic!("{method}: {why}"))
    }

    fn try_run(&mut self, method: &str, parameters: Value) -> Result<Value, String> {
        let number =
            self.send(method, &parameters).map_err(|error| format!("Chromium has ended: {error}"))?;
        loop {
            let message = self.messages.recv_timeout(WATCHDOG);
            // A browser that hangs is never asked again.
            let message =
                message.unwrap_or_else(|error| panic!("Chromium has not answered {method}: {error}"));
            if message["id"] != number {
                self.take(&message);
                continue;
            }
            return match message.get("error") {
                Some(error) => Err(error.to_string()),
                None => Ok(message["result"].clone()),
            };
        }
    }

    fn send(&mut self, method: &str, parameters: &Value) -> std::io::Result<u64> {
        self.last += 1;
        let mut message = json!({"id": self.last, "method": method, "params": parameters});
        let is_for_browser = method.starts_with("Target.") || method.starts_with("Browser.");
        if let Some(session) = self.tabs.get(self.tab).filter(|_| !is_for_browser) {
            message["sessionId"] = json!(session);
        }
        self.commands.write_all(format!("{message}\0").as_bytes())?;
        Ok(self.last)
    }

    /// Takes note of an event.
    fn take(&mut self, message: &Value) {
        let told = &message["params"];
        match message["method"].as_str().unwrap_or_default() {
            "Page.javascriptDialogOpening" => {
                self.questions.push(told["message"].as_str().unwrap_or_default().to_owned());
                let answer = json!({"accept": self.agrees});
                // Where Chromium has ended, the next command says so.
                drop(self.send("Page.handleJavaScriptDialog", &answer));
            }
            method => {
                if is_complaint(method, told, &self.origin) {
                    self.complaints.push(format!("{method}: {told}"));
                }
            }
        }
    }

    /// What the browser has complained about since the last call.
    pub fn complaints(&mut self) -> Vec<String> {
        // Events that were sent before this answer are in front of it.
        self.run("Runtime.evaluate", json!({"expression": "1"}));
        std::mem::take(&mut self.complaints)
    }

    /// Fails if the browser has complained about anything.
    pub fn has_no_complaint(&mut self) {
        let complaints = self.complaints();
        assert!(complaints.is_empty(), "Chromium complains:\n{}", complaints.join("\n"));
    }

    /// What an expression of JavaScript is, also if that is a promise.
    ///
    /// # Errors
    ///
    /// It fails, or the page is left meanwhile.
    pub fn evaluate(&mut self, expression: &str) -> Result<Value, String> {
        let asked = json!({"expression": expression, "returnByValue": true, "awaitPromise": true,
            "userGesture": true});
        let told = self.try_run("Runtime.evaluate", asked)?;
        match told.get("exceptionDetails") {
            Some(details) => Err(details.to_string()),
            None => Ok(told["result"]["value"].clone()),
        }
    }

    /// The text of an expression of JavaScript.
    pub fn text(&mut self, expression: &str) -> String {
        let told = self.evaluate(expression).unwrap_or_else(|why| panic!("{expression}: {why}"));
        told.as_str().unwrap_or_else(|| panic!("{expression}: {told}")).to_owned()
    }

    /// Waits until an expression of JavaScript is true, on this page or the next one.
    pub fn sees(&mut self, expression: &str) {
        until(expression, || self.evaluate(expression) == Ok(Value::Bool(true)));
    }

    /// Waits until an element is there.
    pub fn finds(&mut self, selector: &str) {
        self.sees(&format!("document.querySelector({}) !== null", json!(selector)));
    }

    /// Waits until the page at a path is there. A path that ends with `/` is a beginning.
    pub fn is_at(&mut self, path: &str) {
        let is_there = match path {
            "/" => "location.pathname === \"/\"".to_owned(),
            path if path.ends_with('/') => format!("location.pathname.startsWith({})", json!(path)),
            path => format!("location.pathname === {}", json!(path)),
        };
        self.sees(&format!("{is_there} && document.readyState === \"complete\""));
    }

    /// Types a path into the address line, and waits until what is there is loaded.
    pub fn open(&mut self, path: &str) {
        let told = self.run("Page.navigate", json!({"url": format!("{}{path}", self.origin)}));
        assert_eq!(told.get("errorText"), None, "{path}: {told}");
        self.sees("location.protocol === \"http:\" && document.readyState === \"complete\"");
    }

    /// Clicks on an element as soon as it is there and nothing lies over it. Looking and clicking are one step: the page may
    /// replace its content at any time.
    pub fn click(&mut self, selector: &str) {
        let script = format!(
            "(() => {{
                const found = document.querySelector({});
                if (!found || document.readyState !== 'complete') return false;
                found.scrollIntoView({{ block: 'center' }});
                const box = found.getBoundingClientRect();
                const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
                if (!top || !found.contains(top)) return false;
                found.click();
                return true;
            }})()",
            json!(selector)
        );
        until(selector, || self.evaluate(&script) == Ok(Value::Bool(true)));
    }

    /// Writes a text into a field, instead of what is there.
    pub fn fill(&mut self, selector: &str, text: &str) {
        let field = format!("document.querySelector({})", json!(selector));
        self.finds(selector);
        self.sees(&format!("{field}.focus(), {field}.select(), document.activeElement === {field}"));
        self.run("Input.insertText", json!({"text": text}));
        self.sees(&format!("{field}.value === {}", json!(text)));
    }

    /// Chooses an entry of a list by its value.
    pub fn choose(&mut self, selector: &str, value: &str) {
        let list = format!("document.querySelector({})", json!(selector));
        self.finds(selector);
        self.sees(&format!("({list}.value = {}, {list}.value) === {}", json!(value), json!(value)));
    }

    /// Presses and releases a key.
    pub fn press(&mut self, key: Key) {
        self.stroke(key.described());
    }

    /// Types a text, key by key.
    pub fn types(&mut self, text: &str) {
        for letter in text.chars() {
            self.stroke(json!({"key": letter.to_string(), "text": letter.to_string()}));
        }
    }

    fn stroke(&mut self, mut key: Value) {
        key["type"] = json!("keyDown");
        self.run("Input.dispatchKeyEvent", key.clone());
        key["type"] = json!("keyUp");
        key["text"] = json!("");
        self.run("Input.dispatchKeyEvent", key);
    }

    /// Presses Tab until an element has the focus. Each element on the way shows that it has it.
    pub fn tabs_to(&mut self, selector: &str) {
        const SHOWS_ITS_FOCUS: &str = "(() => {
            const style = getComputedStyle(document.activeElement);
            return document.activeElement === document.body
                || style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
        })()";
        let is_there = format!("document.activeElement.matches({})", json!(selector));
        for _ in 0..100 {
            self.press(Key::Tab);
            let shown = self.evaluate(SHOWS_ITS_FOCUS).unwrap();
            assert_eq!(shown, true, "no visible focus: {}", self.text("document.activeElement.outerHTML"));
            if self.evaluate(&is_there).unwrap() == true {
                return;
            }
        }
        panic!("Tab does not lead to {selector}");
    }

    /// Whether the person agrees to what `confirm()` asks from now on.
    pub fn agrees(&mut self, agrees: bool) {
        self.agrees = agrees;
    }

    /// What `confirm()` has asked since the last call.
    pub fn questions(&mut self) -> Vec<String> {
        std::mem::take(&mut self.questions)
    }

    /// Whether the pages may run scripts from now on.
    pub fn scripts(&mut self, may_run: bool) {
        self.run("Emulation.setScriptExecutionDisabled", json!({"value": !may_run}));
    }

    /// Gives the window a width in CSS pixels, and the system a choice of colours: `light` or `dark`.
    pub fn window(&mut self, width: u32, colours: &str) {
        let size = json!({"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": false});
        self.run("Emulation.setDeviceMetricsOverride", size);
        let scheme = json!({"features": [{"name": "prefers-color-scheme", "value": colours}]});
        self.run("Emulation.setEmulatedMedia", scheme);
    }

    /// Takes a picture of the whole page.
    pub fn picture(&mut self, file: &Path) {
        let size = self.run("Page.getLayoutMetrics", json!({}))["cssContentSize"].clone();
        let clip = json!({"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1});
        let asked = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
        let told = self.run("Page.captureScreenshot", asked);
        fs::write(file, of_base64(told["data"].as_str().unwrap())).unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.patience = Duration::from_secs(10);
        if std::thread::panicking() {
            let page = "location.href + '\\n' + (document.body?.innerText ?? '')";
            let shown = self.evaluate(page);
            let log = fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
            // There is no D-Bus in a test.
            let log: String =
                log.lines().filter(|line| !line.contains("dbus")).map(|line| format!("{line}\n")).collect();
            let shown = shown.as_ref().ok().and_then(Value::as_str).unwrap_or_default();
            eprintln!("---- the page ----\n{shown}\n---- complaints ----\n{:#?}\n{log}", self.complaints);
        }
        // It ends its own processes when it is asked to. It may have ended already.
        drop(self.send("Browser.close", &json!({})));
        while self.messages.recv_timeout(self.patience).is_ok() {}
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Starts Chromium with a directory of its own.
fn started(tool: &Tool, directory: &Path) -> Child {
    let mut command = Command::new("sh");
    command.args(["-c", PIPES]).arg(tool.program()).args(OPTIONS);
    command.arg(format!("--user-data-dir={}", directory.join("data").display())).arg("about:blank");
    command.envs(tool.environment()).env("HOME", directory).env("TMPDIR", directory);
    for name in
        ["XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR", "DISPLAY", "http_proxy", "https_proxy"]
    {
        command.env_remove(name);
    }
    let log = File::create(directory.join("log")).unwrap();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
    command.spawn().unwrap()
}

/// What Chromium says: messages that end with NUL.
fn messages(output: std::process::ChildStdout) -> Receiver<Value> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for message in BufReader::new(output).split(0).map_while(Result::ok) {
            let Ok(message) = serde_json::from_slice(&message) else { break };
            if sender.send(message).is_err() {
                break;
            }
        }
    });
    receiver
}

/// Whether an event tells of something that a good page never causes.
fn is_complaint(method: &str, told: &Value, origin: &str) -> bool {
    match method {
        "Runtime.exceptionThrown" | "Inspector.targetCrashed" => true,
        "Runtime.consoleAPICalled" => {
            ["error", "assert"].contains(&told["type"].as_str().unwrap_or_default())
        }
        "Log.entryAdded" => told["entry"]["level"] == "error",
        "Audits.issueAdded" => told["issue"]["code"] == "ContentSecurityPolicyIssue",
        // The page ends its own requests when it is left.
        "Network.loadingFailed" => told["canceled"] != true,
        "Network.responseReceived" => told["response"]["status"].as_u64().is_some_and(|status| status >= 400),
        "Network.requestWillBeSent" => {
            let place = told["request"]["url"].as_str().unwrap_or_default();
            !place.starts_with(origin) && !place.starts_with("about:")
        }
        _ => false,
    }
}

/// The bytes that a text in Base64 (RFC 4648) stands for.
fn of_base64(text: &str) -> Vec<u8> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let value = |letter: u8| LETTERS.iter().position(|known| *known == letter);
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_usize, 0);
    for value in text.bytes().map_while(value) {
        bits = (bits << 6 | value) & 0xffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).unwrap());
        }
    }
    bytes
}

/// The script of axe-core, which judges how a page suits people with disabilities.
///
/// # Errors
///
/// It cannot be fetched.
pub fn axe() -> Result<String, Skipped> {
    let tool = Tool::node("axe-core")?;
    let modules = tool.environment().into_iter().find(|(name, _)| *name == "NODE_PATH");
    let modules = PathBuf::from(modules.unwrap().1);
    Ok(fs::read_to_string(modules.join("axe-core/axe.min.js")).unwrap())
}
