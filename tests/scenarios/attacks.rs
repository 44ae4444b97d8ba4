//! What attackers try, and what they get: an answer that says no more than it must, and nothing written, nothing sent.

mod logs;
