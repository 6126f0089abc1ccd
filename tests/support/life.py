"""The steps of a submission's life, with a kill at each."""

from __future__ import annotations

from submissions.submission import State

START = "docker.models.containers:Container.start"
LIFE = (
    # where, when, and the state that the ledger has then
    ("evaluator.queue.dispatcher:_Dispatcher._start", "before", State.QUEUED),
    ("submissions.ledger.ledger:Ledger.move", "after", State.RUNNING),
    ("docker.api:APIClient.create_container", "before", State.RUNNING),
    ("docker.api:APIClient.create_container", "after", State.RUNNING),
    (START, "after", State.RUNNING),
    ("docker.models.containers:Container.wait", "after", State.RUNNING),
    ("evaluator.workers.shard:read_predictions", "after", State.RUNNING),
    ("evaluator.stores.enclave:Enclave.record_predictions", "before", State.RUNNING),
    ("evaluator.stores.enclave:Enclave.record_predictions", "after", State.RUNNING),
    ("evaluator.evaluation:evaluate", "before", State.SCORING),
    ("evaluator.stores.enclave:Enclave.keep_evaluation", "before", State.SCORING),
    ("evaluator.stores.enclave:Enclave.keep_evaluation", "after", State.SCORING),
    ("submissions.ledger.ledger:Ledger.publish", "before", State.SCORING),
    ("submissions.ledger.ledger:Ledger.publish", "after", State.RELEASED),
)
