// Runs in the component that carries the page's commands: "run", "halt", "open" and "speak" become events.
TheodolitePage.connect((command) => {
  if (command === "run") trigger("run");
  else if (command === "halt") trigger("halt");
  else if (command === "open") trigger("open");
  else if (command === "speak") trigger("speak");
});
