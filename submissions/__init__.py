"""Takes submissions: the contract, images, the ledger, the service and its client.

Words: the *contract* says what a container gets and may use; an *image* is the container that a
team hands in; the *ledger* keeps submissions, states and releases, and only grows; a *quota* limits
how often a team submits.

Read `contract`, `image`, `submission` (states and failures), `ledger`, `receiving`, then `service`
and `client`.
"""
