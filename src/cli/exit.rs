//! The exit codes of floe, and which one wins if several apply.

use std::process::ExitCode;

/// How a command ended. People and pipelines rely on these exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done, or nothing to do.
    Done,
    /// 1: an error occurred.
    Error,
    /// 2: changes are pending (`plan --detailed-exitcode`, `drift`).
    Pending,
    /// 3: blocked, a change needs a decision.
    Blocked,
    /// 4: something is unhealthy.
    Unhealthy,
    /// 5: another run holds the lock of the state.
    Locked,
    /// 130: interrupted, and the state is saved.
    Interrupted,
}

impl Exit {
    /// Returns the exit code as a number.
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

    /// Returns the exit to report if both apply. The order is 1, 130, 5, 3, 4, 2, 0. A canceled pipeline still has to
    /// learn that something failed. Otherwise, a code for work that was not done wins over one for what was found.
    pub fn worse_of(self, other: Exit) -> Exit {
        if self.severity_rank() >= other.severity_rank() { self } else { other }
    }

    /// Returns the rank in that order; a higher rank wins.
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
        for (at, worse) in order.iter().enumerate() {
            for other in order.iter().skip(at) {
                assert_eq!(worse.worse_of(*other), *worse);
                assert_eq!(other.worse_of(*worse), *worse);
            }
        }
    }
}
