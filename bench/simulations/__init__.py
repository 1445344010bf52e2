"""What many Simulations at once cost the operator: real servers and operator, pods by kwok.

Nothing trains. The bench leaves in the store what pods would have left: how far each one is, and at
the end results, report and manifest. So what the operator reads and verifies is real.
"""
