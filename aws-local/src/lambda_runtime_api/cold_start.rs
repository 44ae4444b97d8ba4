//! How long a binary takes from its start to its first `/next`: what Lambda bills as `Init Duration`, less the
//! work of the service itself.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib>

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::environment::{Environment, Started};
use super::{LogSink, unavailable};
use crate::InvokeError;

/// How long Lambda lets an environment initialise.
const INIT_LIMIT: Duration = Duration::from_secs(10);

/// A cold start, measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColdStart {
    /// From spawning the process to its first request for an event.
    pub time_to_first_next: Duration,
    /// The most memory the process had in use by then, in KiB (`VmHWM`).
    pub peak_rss_kib: u64,
}

/// Starts the binary at `path` with the environment variables `variables`, and measures until it asks for its
/// first event; the process is then killed.
///
/// # Errors
/// When it cannot be started, ends before it asks, or does not ask within Lambda's ten seconds.
pub async fn time_to_first_next(path: &Path, variables: Vec<(String, String)>) -> Result<ColdStart, InvokeError> {
    let function = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let silent: LogSink = Arc::new(|_, _| {});
    let Started { mut environment, spawned, first_next } =
        Environment::start_timed(&function, path, variables, silent).await?;
    tokio::select! {
        biased;
        asked = first_next => {
            let asked = asked.map_err(|error| unavailable(&function, &error))?;
            let peak_rss_kib = peak_rss_kib(&function, &environment)?;
            Ok(ColdStart { time_to_first_next: asked - spawned, peak_rss_kib })
        }
        error = environment.end_before_first_next() => Err(error),
        () = tokio::time::sleep(INIT_LIMIT) => Err(InvokeError::TimedOut { after: INIT_LIMIT }),
    }
}

fn peak_rss_kib(function: &str, environment: &Environment) -> Result<u64, InvokeError> {
    let process_id =
        environment.process_id().ok_or_else(|| unavailable(function, &"it ended while it was measured"))?;
    let status =
        std::fs::read_to_string(format!("/proc/{process_id}/status")).map_err(|error| unavailable(function, &error))?;
    vm_hwm_kib(&status).ok_or_else(|| unavailable(function, &"the kernel does not tell its VmHWM"))
}

fn vm_hwm_kib(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_from_the_kernels_report() {
        assert_eq!(vm_hwm_kib("Name:\tx\nVmPeak:\t  1 kB\nVmHWM:\t    4096 kB\nThreads:\t1\n"), Some(4096));
        assert_eq!(vm_hwm_kib("Name:\tx\n"), None);
    }
}
