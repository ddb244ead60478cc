"""The doctor at loops that are written out, in PyTorch or in Koubai run eagerly: it sees them through hooks alone.

`attach` is the face; `listening` hears of losses and backward passes, `passes` and `collector` keep what went through
the model, `loop` and `epochs` tell steps and epochs apart, `modes` heeds training and evaluation mode, `suspicion`
says when to look.
"""
