"""Champion against challenger on live traffic, valid at every look."""
