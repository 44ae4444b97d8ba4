//! What was logged: by every function of every stack in this process, as the functions log in AWS.

use super::PASSWORD;
use common::auth::api_key;
use common::lambda;
use std::io;
use std::sync::{Arc, LazyLock, Mutex};
use tracing::instrument::WithSubscriber;
use tracing_subscriber::fmt::MakeWriter;

/// Lines of a log. Clones are the same log.
#[derive(Clone, Default)]
pub struct Logs {
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    lines: Vec<String>,
    telling: Vec<String>,
}

impl Logs {
    /// The log of this process. It is taken down from the first time that anybody asks for it.
    pub fn of_this_process() -> Logs {
        static LOGS: LazyLock<Logs> = LazyLock::new(|| {
            let logs = Logs::default();
            lambda::log(None).with_writer(logs.clone()).init();
            logs
        });
        LOGS.clone()
    }

    /// What `work` logs, and nobody else.
    pub fn of(work: impl FnOnce()) -> Logs {
        let logs = Logs::default();
        let subscriber = lambda::log(None).with_writer(logs.clone()).finish();
        tracing::subscriber::with_default(subscriber, work);
        logs
    }

    /// What `work` comes to, and what it logs, and nobody else.
    pub async fn during<T>(work: impl Future<Output = T>) -> (T, Logs) {
        let logs = Logs::default();
        let subscriber = lambda::log(None).with_writer(logs.clone()).finish();
        (work.with_subscriber(subscriber).await, logs)
    }

    pub fn lines(&self) -> Vec<String> {
        self.kept.lock().unwrap().lines.clone()
    }

    /// The lines that hold what no log may.
    pub fn telling(&self) -> Vec<String> {
        self.kept.lock().unwrap().telling.clone()
    }

    /// The lines that hold any of these.
    pub fn with_any_of(&self, secrets: &[String]) -> Vec<String> {
        let tells = |line: &String| secrets.iter().any(|secret| line.contains(secret));
        self.lines().into_iter().filter(tells).collect()
    }
}

/// Whether there is a secret in a line, whosever it is: a signed token, an API key or a piece of one, the password of nearly everybody
/// in these tests, or as long a run of base64url as only a refresh token is, or an API key without its prefix.
fn is_telling(line: &str) -> bool {
    let is_base64url = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let longest = line.split(|c: char| !is_base64url(c)).map(str::len).max();
    let starts_as_one = ["eyJ", api_key::PREFIX].into_iter().any(|start| line.contains(start));
    starts_as_one || line.contains(PASSWORD) || longest >= Some(80)
}

impl MakeWriter<'_> for Logs {
    type Writer = Logs;

    fn make_writer(&self) -> Logs {
        self.clone()
    }
}

impl io::Write for Logs {
    /// One line: a subscriber writes each whole.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line).into_owned();
        let mut kept = self.kept.lock().unwrap();
        if is_telling(&text) {
            kept.telling.push(text.clone());
        }
        kept.lines.push(text);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Held by every world: when it ends, nothing that was logged until then tells a secret.
pub struct Discretion {
    logs: Logs,
}

impl Discretion {
    pub fn expected() -> Discretion {
        Discretion { logs: Logs::of_this_process() }
    }
}

impl Drop for Discretion {
    fn drop(&mut self) {
        // A test that has failed says why already.
        if !std::thread::panicking() {
            let telling = self.logs.telling();
            assert!(telling.is_empty(), "this test, or one beside it, has secrets in the log: {telling:#?}");
        }
    }
}
