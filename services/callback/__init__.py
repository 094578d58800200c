"""Who is called for whom: click-to-dial. A request becomes a row, a task, one originate, and a state to follow."""
