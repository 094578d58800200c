"""Sites, departments, subscribers, devices and numbers, one at a time (N1, N2, N4, N7): for administrators over HTTP.

The rules are those of a company's file (services/routing/apply): extensions.py says which extensions there may be,
numbers come from the site's pools.
"""
