"""Champion against challenger on rows that neither was trained on."""
