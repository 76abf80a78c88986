//! How a command ended, as its exit code tells.

use std::process::ExitCode;

/// The exit codes that people and pipelines rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done, or nothing to do.
    Done,
    /// 1: an error.
    Error,
    /// 2: changes are pending (`plan --detailed-exitcode`, `drift`).
    Pending,
    /// 3: blocked: a change that needs a decision.
    Blocked,
    /// 4: something is unhealthy.
    Unhealthy,
    /// 5: another run holds the state.
    Locked,
    /// 130: interrupted, state saved.
    Interrupted,
}

impl Exit {
    /// The code.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Error => 1,
            Exit::Pending => 2,
            Exit::Blocked => 3,
            Exit::Unhealthy => 4,
            Exit::Locked => 5,
            Exit::Interrupted => 130,
        }
    }

    /// Of two that both hold, the one that is told: 1, 130, 5, 3, 4, 2, 0. A pipeline that was cancelled still
    /// has to hear of what failed; short of that, that not everything was done says more than what follows.
    pub fn worse_of(self, other: Exit) -> Exit {
        if self.severity_rank() >= other.severity_rank() { self } else { other }
    }

    fn severity_rank(self) -> u8 {
        match self {
            Exit::Error => 6,
            Exit::Interrupted => 5,
            Exit::Locked => 4,
            Exit::Blocked => 3,
            Exit::Unhealthy => 2,
            Exit::Pending => 1,
            Exit::Done => 0,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worse_of_two_exits_wins() {
        let order =
            [Exit::Error, Exit::Interrupted, Exit::Locked, Exit::Blocked, Exit::Unhealthy, Exit::Pending, Exit::Done];
        assert_eq!(order.map(Exit::code), [1, 130, 5, 3, 4, 2, 0]);
        for (at, graver) in order.iter().enumerate() {
            for other in order.iter().skip(at) {
                assert_eq!(graver.worse_of(*other), *graver);
                assert_eq!(other.worse_of(*graver), *graver);
            }
        }
    }
}
