"""Who may do what: authentication, origins, tickets for browsers, the record of what admins do."""
