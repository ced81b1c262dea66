"""Rollouts as pure rules: the plan, the facts, what they fold to, what is to be done next, and what is shown."""
