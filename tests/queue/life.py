"""The steps of a submission's life, at each of which something is killed."""

from __future__ import annotations

from submissions.submission import State

START = "docker.models.containers:Container.start"
LIFE = (
    # where, when, which call, and the state that the ledger has then
    ("evaluator.dispatch:_Dispatcher._start", "before", 1, State.QUEUED),
    ("submissions.ledger:Ledger.move", "after", 1, State.RUNNING),
    ("docker.api:APIClient.create_container", "before", 1, State.RUNNING),
    ("docker.api:APIClient.create_container", "after", 1, State.RUNNING),
    (START, "after", 1, State.RUNNING),
    ("docker.models.containers:Container.wait", "after", 1, State.RUNNING),
    ("evaluator.shard:read_predictions", "after", 1, State.RUNNING),
    ("evaluator.enclave:Enclave.record_predictions", "before", 1, State.RUNNING),
    ("evaluator.enclave:Enclave.record_predictions", "after", 1, State.RUNNING),
    ("submissions.ledger:Ledger.move", "after", 1, State.SCORING),
    ("evaluator.enclave:Enclave.keep_evaluation", "before", 1, State.SCORING),
    ("evaluator.enclave:Enclave.keep_evaluation", "after", 1, State.SCORING),
    ("submissions.ledger:Ledger.publish", "before", 1, State.SCORING),
    ("submissions.ledger:Ledger.publish", "after", 1, State.RELEASED),
)
