//! From the start of a function's binary to its first request for an event, beside a hello-world in the same minutes.

use crate::Result;
use crate::markdown::{Table, against_goal};
use crate::sample::Sample;
use aws_local::lambda_runtime_api::{ColdStart, time_to_first_next};
use local::{Options, Stack};
use std::path::{Path, PathBuf};

/// How often each binary is started. The two of a row take turns.
const ROUNDS: usize = 51;
const MOST_TIMES_HELLO: f64 = 1.4;
const MOST_MEGABYTES: f64 = 7.0;

pub async fn report(binaries: &Path) -> Result<String> {
    let stack = Stack::start(Options::ephemeral()).await?;
    let hello = Program::hello(binaries);
    let mut table = Table::new(&["function", "ms", "hello-world's ms", "times hello-world", "MB", "peak RSS, MB"]);
    let mut hellos = Vec::new();
    for function in functions::all() {
        let function = Program::function(binaries, function.name, &stack);
        let (starts, beside) = take_turns(&function, &hello).await?;
        table.row(row(&function, &starts, &beside)?);
        hellos.extend(beside);
    }
    table.row(row(&hello, &hellos, &hellos)?);
    stack.shutdown().await;
    Ok(format!(
        "### Cold start\n\nFrom spawning the process to its first `/next`: medians of {ROUNDS} starts, each followed by one of the \
         hello-world; the highest peak of memory. Goals: at most {MOST_TIMES_HELLO} times hello-world, at most \
         {MOST_MEGABYTES} MB unzipped.\n\n{table}"
    ))
}

/// A binary, and the variables it is started with.
struct Program {
    name: &'static str,
    path: PathBuf,
    variables: Vec<(String, String)>,
}

impl Program {
    fn function(binaries: &Path, name: &'static str, stack: &Stack) -> Program {
        Program { name, path: binaries.join(name), variables: stack.environment(name) }
    }

    fn hello(binaries: &Path) -> Program {
        Program { name: "hello-lambda", path: binaries.join("hello-lambda"), variables: Vec::new() }
    }

    async fn start(&self) -> Result<ColdStart> {
        Ok(time_to_first_next(&self.path, self.variables.clone()).await?)
    }

    fn megabytes(&self) -> Result<f64> {
        Ok(std::fs::metadata(&self.path)?.len() as f64 / 1e6)
    }
}

async fn take_turns(one: &Program, other: &Program) -> Result<(Vec<ColdStart>, Vec<ColdStart>)> {
    // The first start of a binary reads it from the disk: a matter of the disk, not of the binary.
    one.start().await?;
    other.start().await?;
    let (mut ones, mut others) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ones.push(one.start().await?);
        others.push(other.start().await?);
    }
    Ok((ones, others))
}

fn row(program: &Program, starts: &[ColdStart], hellos: &[ColdStart]) -> Result<[String; 6]> {
    let (own, hello) = (median_millis(starts), median_millis(hellos));
    let peak = Sample::of(starts.iter().map(|start| start.peak_rss_kib as f64 * 1024.0 / 1e6)).most();
    Ok([
        program.name.to_owned(),
        format!("{own:.2}"),
        format!("{hello:.2}"),
        against_goal(own / hello, MOST_TIMES_HELLO, 2),
        against_goal(program.megabytes()?, MOST_MEGABYTES, 2),
        format!("{peak:.1}"),
    ])
}

fn median_millis(starts: &[ColdStart]) -> f64 {
    Sample::of_millis(starts.iter().map(|start| &start.time_to_first_next)).median()
}
