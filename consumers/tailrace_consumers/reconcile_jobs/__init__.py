"""Every few minutes: what is overdue is looked up, invoked again, expired or finished."""
